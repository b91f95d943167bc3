package sqlitelog_test

import (
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

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
			x.retype(first, "log", 1.0, `audit_blobs "1.0"/"tile/0"/0`), x.retype(first, "number", 0.0, `audit_blobs 1/"tile/0"/"0.0"`),
			x.retype(first, "log", 1.5, `audit_blobs "1.5"/"tile/0"/0`), x.retype(first, "number", "canary", `audit_blobs 1/"tile/0"/"canary"`),
			x.retype(roots, "data", 7, `audit_blobs 1/"roots"/0`), x.retype(first, "data", "text", first.name()))
		return slices.Concat(all, x.changes(first), x.changes(roots))
	})
}

// TestReindexOfOtherTypes: a number as 0.0 equals the one that reindex puts in its place, and goes.
func TestReindexOfOtherTypes(t *testing.T) {
	x, ok := newTamperer(t).(*tamperer)
	if !ok {
		t.Fatal("not this driver's")
	}
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), audit.Config{Store: x.Store, Key: key, AppendTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		for _, r := range l.AppendAll(t.Context(), slices.Repeat([]audit.Entry{benchEntry(1)}, 250)) {
			err = errors.Join(err, r.Err)
		}
	}
	reindex := func() error { return audit.Reindex(t.Context(), x.Store, key, nil) }
	if err := errors.Join(err, l.Close(t.Context()), reindex()); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, r := range x.rows(t, "audit_blobs") {
		kind, _ := r.at("kind").(string)
		number, _ := r.at("number").(int64)
		if kinds[kind] {
			continue
		}
		kinds[kind] = true
		x.retype(r, "number", float64(number), "").Apply(t)
		for _, whole := range []bool{false, true} {
			report, err := audit.Verify(t.Context(), x.Store, audit.VerifyOptions{})
			if err != nil || len(report.Findings) == 0 != whole {
				t.Fatalf("%s as a REAL, derived again: %v; findings %v, %v", kind, whole, report.Findings, err)
			}
			if err := reindex(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(kinds) < 3 {
		t.Errorf("only blobs of the kinds %v", kinds)
	}
}
