package audit_test

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// asBefore makes of what is derived what it was before there were roots: all tiles of the lowest level.
func asBefore(t *testing.T, m *audit.Mem) {
	t.Helper()
	tiles := audit.BlobKind{Log: 1, Kind: "tile/0"}
	pages, kept := m.RawPages(1), m.RawBlobs(tiles)
	leaves := slices.Clone(pages[0].Leaves)
	for _, p := range pages {
		for _, line := range p.Lines {
			leaves = append(leaves, audit.LeafHash(line))
		}
	}
	for tile := range slices.Chunk(leaves, 256) {
		b := audit.Blob{Log: 1, Kind: "tile/0", Number: int64(len(kept))}
		for _, h := range tile {
			b.Data = append(b.Data, h[:]...)
		}
		if len(tile) == 256 {
			kept = append(kept, b)
		}
	}
	m.SetRawBlobs(tiles, kept)
	m.SetRawBlobs(audit.BlobKind{Log: 1, Kind: "roots"}, nil)
}

// TestLedgerOfBeforeRoots: a server derives the roots of a ledger that has the lowest tiles instead, also of one that
// was pruned, and proofs hold before and after.
func TestLedgerOfBeforeRoots(t *testing.T) {
	for name, wasPruned := range map[string]bool{"with all lines": false, "pruned": true} {
		t.Run(name, func(t *testing.T) {
			stubbed, m := pruned(t)
			lines := linesOf(m)
			if wasPruned {
				m = stubbed
			}
			asBefore(t, m)
			mustBeWhole(t, m)
			mustProve(t, m, lines)
			l := open(t, config(t, m))
			mustAppend(t, l, newEntry(9000))
			roots := audit.BlobKind{Log: 1, Kind: "roots"}
			for end := time.Now().Add(time.Minute); len(m.RawBlobs(roots)) == 0; runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatal("the roots are not derived")
				}
			}
			mustBeWhole(t, m)
			mustProve(t, m, lines)
			if _, err := l.Prune(t.Context(), m, time.Date(2026, time.February, 8, 0, 0, 0, 0, time.UTC), pruner); err != nil {
				t.Fatalf("Prune: %v", err)
			}
			mustClose(t, l)
			mustBeWhole(t, m)
			mustProve(t, m, lines)
		})
	}
}

func linesOf(m *audit.Mem) (lines [][]byte) {
	for _, p := range m.RawPages(1) {
		lines = append(lines, p.Lines...)
	}
	return lines
}

func mustProve(t *testing.T, m *audit.Mem, lines [][]byte) {
	t.Helper()
	for i := 0; i < len(lines); i += 20 {
		proof, err := audit.ProveEntry(t.Context(), m, 1, int64(i))
		if err != nil || audit.CheckProof(newKey(t, 1).Verifier(), proof, lines[i]) != nil {
			t.Errorf("entry %d is not proven: %v", i, err)
		}
	}
}
