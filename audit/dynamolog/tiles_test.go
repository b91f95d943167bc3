package dynamolog_test

import (
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit/audittest"
)

func TestTamperTiles(t *testing.T) {
	open := func(t *testing.T) audittest.Tamperable { return &tamperer{newTable(t)} }
	audittest.TamperTiles(t, open, func(t *testing.T, s audittest.Tamperable) []audittest.Tampering {
		x, ok := s.(*tamperer)
		if !ok {
			t.Fatal("not this driver's")
		}
		var tiles []item
		for _, it := range x.rows(t) {
			if strings.Contains(partitionOf(it), "/tile/") {
				tiles = append(tiles, it)
			}
		}
		if len(tiles) != 2 {
			t.Fatalf("%d tiles of 601 entries, want 2", len(tiles))
		}
		all := append(x.attributes(tiles[0]), x.attributes(tiles[1])...)
		all = append(all, x.moves(tiles[0], tiles[1])...)
		a, b := with(tiles[0], "number", tiles[1]["number"]), with(tiles[1], "number", tiles[0]["number"])
		return append(all, x.replace("drop", nameOf(tiles[0]), []item{tiles[0]}, nil), x.replace("swap", nameOf(tiles[0]), tiles, []item{a, b}))
	})
}
