package sqlitelog_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func TestTamperTiles(t *testing.T) {
	audittest.TamperTiles(t, 8_300, newTamperer, func(t *testing.T, s audittest.Tamperable) []audittest.Tampering {
		x, ok := s.(*tamperer)
		if !ok {
			t.Fatal("not this driver's")
		}
		rows := slices.DeleteFunc(x.rows(t, "audit_blobs"), func(r storedRow) bool { return r.at("kind") != "tile/0" && r.at("kind") != "roots" })
		if len(rows) != 4 {
			t.Fatalf("%d rows of hashes of 8,300 entries, want 4", len(rows))
		}
		slices.SortFunc(rows, func(a, b storedRow) int { return strings.Compare(a.name(), b.name()) })
		roots, first := rows[0], rows[2]
		blob := func(kind string, number int64) string { return audit.BlobRow(1, kind, number) }
		long := "tile/0" + strings.Repeat("ü", 60)
		all := []audittest.Tampering{
			x.drop(first, first.name()), x.swap(first, rows[3]), x.drop(roots, roots.name()), x.swap(roots, rows[1]),
			x.replace("stray tile", blob("tile/0", 2), nil, []storedRow{first.with("number", int64(2))}),
			x.replace("stray level", blob("tile/1", 0), nil, []storedRow{first.with("kind", "tile/1")}),
			x.replace("unknown kind", blob("index", 0), nil, []storedRow{first.with("kind", "index")}),
			x.replace("tile of no log", audit.BlobRow(7, "tile/0", 0), nil, []storedRow{first.with("log", int64(7))}),
			x.replace("tile of the spine", audit.BlobRow(0, "tile/0", 0), nil, []storedRow{first.with("log", int64(0))}),
			x.replace("log that cannot be", `audit_blobs 65/"tile/0"/0`, nil, []storedRow{first.with("log", int64(65))}),
			x.replace("kind with an escape", `audit_blobs 1/"\x1b[2J"/0`, nil, []storedRow{first.with("kind", "\x1b[2J")}),
			x.replace("long kind", `audit_blobs 1/"tile/0`+strings.Repeat(`\u00fc`, 47)+`"/0`, nil, []storedRow{first.with("kind", long)}),
			x.replace("longer kind", `audit_blobs 1/"tile/0`+strings.Repeat(`\u00fc`, 47)+`"/0`, nil, []storedRow{first.with("kind", long+strings.Repeat("x", 10<<20))}),
			x.replace("kind behind a NUL", `audit_blobs 1/"tile/0\x00x"/0`, nil, []storedRow{first.with("kind", "tile/0\x00x")}),
			x.replace("before all others", `audit_blobs -9223372036854775808/""/0`, nil, []storedRow{first.with("log", int64(math.MinInt64)).with("kind", "")}),
			x.replace("no kind", `audit_blobs 1/""/0`, nil, []storedRow{first.with("kind", "")}),
			x.replace("kind before all others", `audit_blobs 1/"\x00"/0`, nil, []storedRow{first.with("kind", "\x00")}),
			x.replace("number below 0", `audit_blobs 1/"tile/0"/-5`, nil, []storedRow{first.with("number", int64(-5))}),
		}
		all = append(all,
			x.retype(first, "kind", []byte("tile/0"), first.name()), x.retype(roots, "kind", []byte("zzz"), `audit_blobs 1/"zzz"/0`),
			x.retype(first, "log", 1.5, `audit_blobs "1.5"/"tile/0"/0`), x.retype(first, "number", "canary", `audit_blobs 1/"tile/0"/"canary"`),
			x.retype(roots, "data", 7, `audit_blobs 1/"roots"/0`), x.retype(first, "data", "text", first.name()))
		return slices.Concat(all, x.changes(first), x.changes(roots))
	})
}
