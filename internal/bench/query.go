package main

import "iter"

func (m *memory) query(t *table, in request) (any, error) {
	c, err := conditionOf(in.KeyConditionExpression)
	if err != nil {
		return nil, refuse("ValidationException", err.Error())
	}
	given := asked{nil, in.ExpressionAttributeNames, in.ExpressionAttributeValues}
	begin := item{}
	begin[t.hash], _ = given.operand(c.equal, t.hash)
	least, bounded := given.operand(c.least, t.order)
	if bounded {
		begin[t.order] = least
	}
	found := []item{}
	answer := map[string]any{}
	bytes := 0
	for it := range t.inOrder(begin, bounded, in) {
		given.item = it
		if !c.holds(given) {
			continue
		}
		found, bytes = append(found, it), bytes+it.size()
		if len(found) == in.Limit {
			answer["LastEvaluatedKey"] = t.keyOf(it)
			break
		}
	}
	m.meter.ReadUnits += readUnits(bytes, in.ConsistentRead)
	answer["Items"], answer["Count"] = found, len(found)
	return answer, nil
}

// inOrder yields the items of a partition in the order that a query asks for: none that are before
// begin, and none that an earlier answer had.
func (t *table) inOrder(begin item, bounded bool, in request) iter.Seq[item] {
	partition, low, _ := t.at(begin)
	items := t.partitions[partition]
	high := len(items)
	if !bounded {
		low = 0
	}
	forward := in.ScanIndexForward == nil || *in.ScanIndexForward
	if in.ExclusiveStartKey != nil {
		_, place, taken := t.at(in.ExclusiveStartKey)
		switch {
		case !forward:
			high = place
		case taken:
			low = place + 1
		default:
			low = place
		}
	}
	items = items[min(low, high):high]
	return func(yield func(item) bool) {
		for i := range items {
			if !forward {
				i = len(items) - 1 - i
			}
			if !yield(items[i]) {
				return
			}
		}
	}
}
