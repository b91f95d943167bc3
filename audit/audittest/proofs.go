package audittest

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// tiles compares the tiles of a log with those that golang.org/x/mod cuts from its lines: while roots are
// derived, once they are, when the log is read anew, and after some of it was pruned.
func tiles(t *testing.T, s audit.Store) {
	clock := newHandClock(2026, time.October, 1)
	l := newLedgerAt(t, s, clock, 1)
	mustAppend(t, l, batch(0, 650)...)
	clock.set(2026, time.December, 1)
	for n := range 9 {
		mustAppend(t, l, batch(650+450*n, 450)...)
	}
	const size, pruned = 4701, 651 // with the OPEN entry
	lines, err := audit.Lines(t.Context(), s, 1, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	tree := &plainTree{}
	for _, line := range lines {
		tree.add(t, tlog.RecordHash(line))
	}
	mustServe(t, l, tree)
	mustBundle(t, l, lines)
	for _, none := range []tlog.Tile{{H: 8, L: 0, N: 18, W: 94}, {H: 8, L: 0, N: 19, W: 1}, {H: 8, L: 1, N: 0, W: 19}, {H: 8, L: -1, N: 18, W: 256}, {H: 7, L: 0, N: 0, W: 1}} {
		if _, err := l.Tile(t.Context(), 1, none); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("tile %v: %v, want ErrNotFound", none, err)
		}
	}
	for _, c := range []struct{ first, count int64 }{{0, size + 1}, {size, 1}, {-1, 1}} {
		if _, err := audit.Lines(t.Context(), s, 1, c.first, c.count); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Lines(%d, %d): %v, want ErrNotFound", c.first, c.count, err)
		}
	}
	mustDerive(t, s, 1, 1)
	mustServe(t, l, tree)
	closeLedger(t, l)
	clock.set(2026, time.December, 24)
	l = newLedgerAt(t, s, clock, 1)
	mustServe(t, l, tree)
	mustKeep(t, s, tree, 0)
	if _, err := l.Prune(t.Context(), s, november, pruner); err != nil {
		t.Fatalf("Prune: %v", err)
	}
	mustServe(t, l, tree)
	mustKeep(t, s, tree, pruned/256)
	mustHaveSizes(t, s, mustBeWhole(t, s))
}

// mustServe compares all tiles of log 1.
func mustServe(t *testing.T, l *audit.Ledger, tree *plainTree) {
	t.Helper()
	for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, tree.size) {
		want, err := tlog.ReadTileData(tile, tree)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Tile(t.Context(), 1, tile)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("tile %s is another: %v", torchwood.TilePath(tile), err)
		}
	}
}

// mustBundle compares all entry bundles of log 1.
func mustBundle(t *testing.T, l *audit.Ledger, lines [][]byte) {
	t.Helper()
	for number, lines := range slices.Collect(slices.Chunk(lines, 256)) {
		data, err := l.Tile(t.Context(), 1, tlog.Tile{H: torchwood.TileHeight, L: -1, N: int64(number), W: len(lines)})
		for i := range lines {
			var line []byte
			if line, data, err = torchwood.ReadTileEntry(data); err != nil || !bytes.Equal(line, lines[i]) {
				t.Fatalf("entry %d of bundle %d is another: %v", i, number, err)
			}
		}
		if len(data) > 0 {
			t.Errorf("bundle %d has %d bytes more: %v", number, len(data), err)
		}
	}
}

// mustKeep compares the blobs that hold hashes of log 1: the roots of each 4,096 entries, and so many tiles of
// the lowest level.
func mustKeep(t *testing.T, s audit.Store, tree *plainTree, tiles int64) {
	t.Helper()
	roots := tlog.Tile{H: torchwood.TileHeight, L: 1, N: 0, W: int(tree.size / 256)} // of fewer than 65,536 entries
	want, err := tlog.ReadTileData(roots, tree)
	if err != nil {
		t.Fatal(err)
	}
	var kept []byte
	for _, b := range blobsOf(t, s, 1, "roots", 0) {
		kept = append(kept, b.Data...)
	}
	if n := len(want) / 512 * 512; !bytes.Equal(kept, want[:n]) {
		t.Errorf("the kept roots are others: %d bytes, want %d", len(kept), n)
	}
	lowest := blobsOf(t, s, 1, "tile/0", 0)
	if int64(len(lowest)) != tiles {
		t.Errorf("%d tiles of the lowest level are kept, want %d", len(lowest), tiles)
	}
	for _, b := range lowest {
		want, err := tlog.ReadTileData(tlog.Tile{H: torchwood.TileHeight, N: b.Number, W: 256}, tree)
		if err != nil || !bytes.Equal(b.Data, want) {
			t.Errorf("the kept tile %d is another: %v", b.Number, err)
		}
	}
}

// mustDerive waits until a log has so many blobs of roots.
func mustDerive(t *testing.T, s audit.Store, log audit.LogID, roots int) {
	t.Helper()
	for end := time.Now().Add(patience); len(blobsOf(t, s, log, "roots", 0)) < roots; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("log %s has %d blobs of roots, want %d", log, len(blobsOf(t, s, log, "roots", 0)), roots)
		}
	}
}

// proofs proves entries at several sizes of a log, and that the log extends each of its earlier
// sizes. It checks the proofs with x/mod and torchwood alone.
func proofs(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 1)
	trees := map[int64]tlog.Hash{}
	for _, n := range []int{1, 2, 253, 1, 300} {
		mustAppend(t, l, batch(len(trees)*1000, n)...)
		_, tree, err := l.Checkpoint(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		trees[tree.N] = tree.Hash
		for _, index := range []int64{0, 1, tree.N / 2, tree.N - 1} {
			proveEntry(t, s, index)
		}
		for old, root := range trees {
			p, err := audit.ProveConsistency(t.Context(), s, 1, old)
			if err != nil || tlog.CheckTree(p.Hashes, p.NewSize, tree.Hash, old, root) != nil {
				t.Errorf("the tree of %d does not prove that of %d: %v", tree.N, old, err)
			}
		}
	}
	for _, index := range []int64{-1, 558, 1 << 40} {
		if _, err := audit.ProveEntry(t.Context(), s, 1, index); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("ProveEntry(%d): %v, want ErrNotFound", index, err)
		}
		if _, err := audit.ProveConsistency(t.Context(), s, 1, index+1); index != 558 && !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("ProveConsistency(%d): %v, want ErrNotFound", index+1, err)
		}
	}
	if _, err := audit.ProveEntry(t.Context(), s, 9, 0); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("ProveEntry of no log: %v, want ErrNotFound", err)
	}
	mustHaveSizes(t, s, sizes{0: 2, 1: 558})
}

func proveEntry(t *testing.T, s audit.Store, index int64) {
	t.Helper()
	proof, err := audit.ProveEntry(t.Context(), s, 1, index)
	if err != nil {
		t.Errorf("ProveEntry(%d): %v", index, err)
		return
	}
	lines, err := audit.Lines(t.Context(), s, 1, index, 1)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := torchwood.ParsePolicy([]byte("log " + newKey(t, 1).Verifier().Text(audit.Origin(ledgerName, 1)) + "\nquorum none\n"))
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
