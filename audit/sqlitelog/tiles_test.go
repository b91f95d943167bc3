package sqlitelog_test

import (
	"fmt"
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
		all = append(all, x.notText(first, "tile/0"), x.notText(roots, "roots"), x.notText(roots, "zzz"))
		return slices.Concat(all, x.changes(first), x.changes(roots))
	})
}

// notText makes a kind a BLOB, while the table is not STRICT for a moment.
func (x *tamperer) notText(r storedRow, as string) audittest.Tampering {
	kind, number := r.at("kind"), r.at("number")
	set := func(t *testing.T, was, now any) {
		made := x.text(t, "audit_blobs")
		schema := func(text string) {
			x.exec(t, `PRAGMA writable_schema = ON`)
			x.exec(t, `UPDATE sqlite_schema SET sql = ? WHERE name = 'audit_blobs'`, text)
			x.exec(t, `PRAGMA writable_schema = RESET`)
		}
		schema(strings.TrimSuffix(made, " STRICT"))
		x.exec(t, `UPDATE audit_blobs SET kind = ? WHERE log = 1 AND number = ? AND CAST(kind AS TEXT) = ?`, now, number, was)
		schema(made)
	}
	return audittest.Tampering{
		Name: "a kind that is no text: " + as, Row: fmt.Sprintf("audit_blobs 1/%q/%d", as, number),
		Apply: func(t *testing.T) { set(t, kind, []byte(as)) },
		Undo:  func(t *testing.T) { set(t, as, kind) },
	}
}
