package main

import (
	"encoding/json"
	"maps"
	"slices"
)

// item is an item in DynamoDB's JSON, and value one attribute of it: a type and what it holds.
type (
	item  map[string]value
	value map[string]json.RawMessage
)

// content returns a value's type, and its text without quotes.
func (v value) content() (kind, content string) {
	for kind, raw := range v {
		if json.Unmarshal(raw, &content) != nil {
			content = string(raw)
		}
		return kind, content
	}
	return "", ""
}

// size is how many bytes DynamoDB charges for an item: names and values.
func (it item) size() (n int) {
	for name, v := range it {
		n += len(name) + v.size()
	}
	return n
}

func (v value) size() int {
	for kind, raw := range v {
		switch kind {
		case "S":
			_, text := v.content()
			return len(text)
		case "N":
			return (len(raw)-2+1)/2 + 1 // two digits a byte
		case "B":
			return (len(raw) - 2) / 4 * 3 // of Base64
		case "L":
			var list []value
			n := 3
			if json.Unmarshal(raw, &list) == nil {
				for _, each := range list {
					n += 1 + each.size()
				}
			}
			return n
		}
	}
	return 1
}

// writeUnits and readUnits are what DynamoDB charges for so many bytes at once.
func writeUnits(bytes int) float64 { return float64(max(1, (bytes+1023)/1024)) }

func readUnits(bytes int, consistent bool) float64 {
	units := float64(max(1, (bytes+4095)/4096))
	if !consistent {
		units /= 2
	}
	return units
}

// table is the items of a table, by partition and in the order of their range key.
type table struct {
	hash, order string            // names of the key's attributes; order may be empty
	kinds       map[string]string // of the key's attributes
	partitions  map[string][]item
}

// at returns the place of a key in its partition, and whether it is taken.
func (t *table) at(key item) (partition string, place int, taken bool) {
	_, partition = key[t.hash].content()
	items := t.partitions[partition]
	if t.order == "" {
		return partition, 0, len(items) > 0
	}
	_, number := key[t.order].content()
	place, taken = slices.BinarySearchFunc(items, number, func(it item, number string) int {
		_, own := it[t.order].content()
		return compareNumbers(own, number)
	})
	return partition, place, taken
}

func (t *table) get(key item) item {
	if partition, place, taken := t.at(key); taken {
		return t.partitions[partition][place]
	}
	return nil
}

func (t *table) put(it item) {
	partition, place, taken := t.at(it)
	if taken {
		t.partitions[partition][place] = it
		return
	}
	t.partitions[partition] = slices.Insert(t.partitions[partition], place, it)
}

func (t *table) remove(key item) {
	if partition, place, taken := t.at(key); taken {
		t.partitions[partition] = slices.Delete(t.partitions[partition], place, place+1)
	}
}

// takes reports whether an item has the table's key.
func (t *table) takes(it item) bool {
	for name, kind := range t.kinds {
		if has, _ := it[name].content(); has != kind {
			return false
		}
	}
	return true
}

// keyOf returns the key of an item.
func (t *table) keyOf(it item) item {
	key := item{t.hash: it[t.hash]}
	if t.order != "" {
		key[t.order] = it[t.order]
	}
	return key
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
