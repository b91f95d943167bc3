package sqlitelog_test

import (
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func TestTamperTiles(t *testing.T) {
	audittest.TamperTiles(t, newTamperer, func(t *testing.T, s audittest.Tamperable) []audittest.Tampering {
		x, ok := s.(*tamperer)
		if !ok {
			t.Fatal("not this driver's")
		}
		rows := x.rows(t, "audit_tiles")
		if len(rows) != 2 {
			t.Fatalf("%d tiles of 601 entries, want 2", len(rows))
		}
		first := rows[0]
		all := []audittest.Tampering{
			x.drop(first), x.swap(first, rows[1]),
			x.replace("stray tile", audit.TileRow("piinguin-1", 0, 2), nil, []storedRow{first.with("number", int64(2))}),
			x.replace("stray level", audit.TileRow("piinguin-1", 1, 0), nil, []storedRow{first.with("level", int64(1))}),
			x.replace("tile of no log", audit.LogRow("nobody"), nil, []storedRow{first.with("log", "nobody")}),
		}
		return append(all, x.changes(first)...)
	})
}
