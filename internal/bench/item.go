package main

import (
	"maps"
	"slices"
)

// item is an item in DynamoDB's JSON, and value one attribute of it, which has one of the types. It is decoded once:
// this engine stands for one on another machine, so it should take little of this one.
type (
	item  map[string]value
	value = *attribute

	attribute struct {
		S, N, B *string  `json:",omitempty"` // B as Base64
		L       *[]value `json:",omitempty"`
	}
)

// content returns a value's type, and its text; of a list none.
func (v *attribute) content() (kind, content string) {
	switch {
	case v == nil:
		return "", ""
	case v.S != nil:
		return "S", *v.S
	case v.N != nil:
		return "N", *v.N
	case v.B != nil:
		return "B", *v.B
	case v.L != nil:
		return "L", ""
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

func (v *attribute) size() int {
	switch kind, text := v.content(); kind {
	case "S":
		return len(text)
	case "N":
		return (len(text)+1)/2 + 1 // two digits a byte
	case "B":
		return len(text) / 4 * 3
	case "L":
		n := 3
		for _, each := range *v.L {
			n += 1 + each.size()
		}
		return n
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
