package audittest

import (
	"errors"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// tiles compares the tiles that a driver stores with those computed from the entries. It resumes a
// Tiler at odd sizes, and adds the remaining leaves one by one.
func tiles(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 1)
	mustAppend(t, l, batch(0, 500)...)
	mustAppend(t, l, batch(500, 300)...)
	const size = 801 // with the OPEN entry
	lines, err := s.Lines(t.Context(), "piinguin-1", 0, size)
	if err != nil {
		t.Fatal(err)
	}
	whole := &audit.Tiler{}
	var full []audit.FullTile
	for _, line := range lines {
		full = append(full, whole.Add(audit.LeafHash(line))...)
	}
	if len(full) != 3 {
		t.Fatalf("%d full tiles of %d entries, want 3", len(full), size)
	}
	for _, from := range []int64{1, 255, 256, 300, 800} {
		resumed, err := audit.ResumeTiler(t.Context(), s, "piinguin-1", from)
		if err != nil {
			t.Fatal(err)
		}
		var later []audit.FullTile
		for _, line := range lines[from:] {
			later = append(later, resumed.Add(audit.LeafHash(line))...)
		}
		for i, tile := range later {
			want := full[len(full)-len(later)+i]
			if tile.Level != want.Level || tile.Number != want.Number || hashesDiffer(tile.Hashes, want.Hashes) {
				t.Errorf("resumed at %d: tile %d/%d is another", from, tile.Level, tile.Number)
			}
		}
	}
	for _, want := range full {
		kept, err := s.Tile(t.Context(), "piinguin-1", want.Level, want.Number)
		if errors.Is(err, audit.ErrNotFound) {
			continue // not kept, or not yet
		}
		if err != nil || hashesDiffer(kept, want.Hashes) {
			t.Errorf("kept tile %d/%d is another: %v", want.Level, want.Number, err)
		}
	}
	for _, c := range []struct{ first, count int64 }{{0, size + 1}, {size, 1}, {-1, 1}} {
		if _, err := s.Lines(t.Context(), "piinguin-1", c.first, c.count); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Lines(%d, %d): %v, want ErrNotFound", c.first, c.count, err)
		}
	}
	mustHaveSizes(t, s, map[string]int64{"piinguin-1": size})
}

func hashesDiffer(a, b []tlog.Hash) bool {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return true
		}
	}
	return len(a) != len(b)
}

// proofs proves entries at several sizes of a log, and that the log extends each of its earlier
// sizes. It checks the proofs with x/mod and torchwood alone.
func proofs(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 1)
	trees := map[int64]tlog.Hash{}
	for _, n := range []int{1, 2, 253, 1, 300} {
		mustAppend(t, l, batch(len(trees)*1000, n)...)
		_, tree, err := l.Checkpoint(t.Context(), "piinguin-1")
		if err != nil {
			t.Fatal(err)
		}
		trees[tree.N] = tree.Hash
		for _, index := range []int64{0, 1, tree.N / 2, tree.N - 1} {
			proveEntry(t, s, index)
		}
		for old, root := range trees {
			p, err := audit.ProveConsistency(t.Context(), s, "piinguin-1", old)
			if err != nil || tlog.CheckTree(p.Hashes, p.NewSize, tree.Hash, old, root) != nil {
				t.Errorf("the tree of %d does not prove that of %d: %v", tree.N, old, err)
			}
		}
	}
	for _, index := range []int64{-1, 558, 1 << 40} {
		if _, err := audit.ProveEntry(t.Context(), s, "piinguin-1", index); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("ProveEntry(%d): %v, want ErrNotFound", index, err)
		}
		if _, err := audit.ProveConsistency(t.Context(), s, "piinguin-1", index+1); index != 558 && !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("ProveConsistency(%d): %v, want ErrNotFound", index+1, err)
		}
	}
	if _, err := audit.ProveEntry(t.Context(), s, "no-such-log", 0); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("ProveEntry of no log: %v, want ErrNotFound", err)
	}
	mustHaveSizes(t, s, map[string]int64{"piinguin-1": 558})
}

func proveEntry(t *testing.T, s audit.Store, index int64) {
	t.Helper()
	proof, err := audit.ProveEntry(t.Context(), s, "piinguin-1", index)
	if err != nil {
		t.Errorf("ProveEntry(%d): %v", index, err)
		return
	}
	lines, err := s.Lines(t.Context(), "piinguin-1", index, 1)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := torchwood.ParsePolicy([]byte("log " + newKey(t, 1).Verifier().Text("piinguin-1") + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(lines[0]), proof); err != nil {
		t.Errorf("the proof of entry %d does not hold: %v", index, err)
	}
	if err := audit.CheckProof(newKey(t, 1).Verifier(), proof, lines[0]); err != nil {
		t.Errorf("CheckProof of entry %d: %v", index, err)
	}
	if err := audit.CheckProof(newKey(t, 2).Verifier(), proof, lines[0]); !errors.Is(err, audit.ErrProof) {
		t.Errorf("CheckProof with another key: %v, want ErrProof", err)
	}
	for at := range proof {
		broken := append([]byte(nil), proof...)
		broken[at] ^= 1
		if audit.CheckProof(newKey(t, 1).Verifier(), broken, lines[0]) == nil {
			t.Errorf("entry %d: the proof holds with byte %d changed", index, at)
		}
	}
}
