package dynamolog_test

import (
	"slices"
	"testing"

	"github.com/piinguin/piinguin/audit/audittest"
)

func TestTamperTiles(t *testing.T) {
	open := func(t *testing.T) audittest.Tamperable { return &tamperer{newTable(t)} }
	audittest.TamperTiles(t, 8_300, open, func(t *testing.T, s audittest.Tamperable) []audittest.Tampering {
		x, ok := s.(*tamperer)
		if !ok {
			t.Fatal("not this driver's")
		}
		kept := map[string][]item{}
		for _, it := range x.rows(t) {
			kept[partitionOf(it)] = append(kept[partitionOf(it)], it)
		}
		var all []audittest.Tampering
		for partition, want := range map[string]int{"~1/tile/0": 2, "~1/roots": 2} {
			rows := kept[partition]
			if len(rows) != want {
				t.Fatalf("%d rows of %s, want %d", len(rows), partition, want)
			}
			all = slices.Concat(all, x.attributes(rows[0]), x.moves(rows[0], rows[want-1]))
			a, b := with(rows[0], "number", rows[1]["number"]), with(rows[1], "number", rows[0]["number"])
			all = append(all, x.replace("drop", nameOf(rows[0]), rows[:1], nil), x.replace("swap", nameOf(rows[0]), rows[:2], []item{a, b}))
		}
		return all
	})
}
