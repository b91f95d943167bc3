package dynamolog_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit/audittest"
)

func TestTamperTiles(t *testing.T) {
	open := func(t *testing.T) audittest.Tamperable { return &tamperer{newTable(t)} }
	audittest.TamperTiles(t, open, func(t *testing.T, s audittest.Tamperable) []audittest.Tampering {
		x, ok := s.(*tamperer)
		if !ok {
			t.Fatal("not this driver's")
		}
		x.derived(t)
		var tiles []item
		for _, it := range x.rows(t) {
			if strings.Contains(partitionOf(it), "/tile/") {
				tiles = append(tiles, it)
			}
		}
		if len(tiles) != 2 {
			t.Fatalf("%d tiles of 601 entries, want 2", len(tiles))
		}
		all := []audittest.Tampering{x.replace("drop", nameOf(tiles[0]), []item{tiles[0]}, nil)}
		for name, value := range tiles[0] {
			for _, other := range changed(value) {
				now := maps.Clone(tiles[0])
				now[name] = other
				all = append(all, x.replace("change "+name, nameOf(tiles[0]), []item{tiles[0]}, []item{now}))
			}
		}
		stray := maps.Clone(tiles[0])
		stray["number"] = &types.AttributeValueMemberN{Value: "2"}
		return append(all, x.replace("stray tile", nameOf(stray), nil, []item{stray}))
	})
}
