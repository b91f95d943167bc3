package audittest

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// tiles compares the tiles of a log, while they are derived and once they are, with those that
// golang.org/x/mod cuts from its lines.
func tiles(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 1)
	mustAppend(t, l, batch(0, 500)...)
	mustAppend(t, l, batch(500, 300)...)
	const size = 801 // with the OPEN entry
	lines, err := audit.Lines(t.Context(), s, 1, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	tree := &plainTree{}
	for _, line := range lines {
		tree.add(t, tlog.RecordHash(line))
	}
	for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, size) {
		want, err := tlog.ReadTileData(tile, tree)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Tile(t.Context(), 1, tile)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("tile %s is another: %v", torchwood.TilePath(tile), err)
		}
	}
	for number, want := range map[int64]int{0: 256, 1: 256, 2: 256, 3: 33} {
		data, err := l.Tile(t.Context(), 1, tlog.Tile{H: torchwood.TileHeight, L: -1, N: number, W: want})
		for i := range want {
			var line []byte
			if line, data, err = torchwood.ReadTileEntry(data); err != nil || !bytes.Equal(line, lines[number*256+int64(i)]) {
				t.Fatalf("entry %d of bundle %d is another: %v", i, number, err)
			}
		}
		if len(data) > 0 {
			t.Errorf("bundle %d has %d bytes more: %v", number, len(data), err)
		}
	}
	for _, none := range []tlog.Tile{{H: 8, L: 0, N: 4, W: 1}, {H: 8, L: 0, N: 3, W: 34}, {H: 8, L: 1, N: 0, W: 4}, {H: 8, L: -1, N: 3, W: 256}, {H: 7, L: 0, N: 0, W: 1}} {
		if _, err := l.Tile(t.Context(), 1, none); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("tile %v: %v, want ErrNotFound", none, err)
		}
	}
	for _, c := range []struct{ first, count int64 }{{0, size + 1}, {size, 1}, {-1, 1}} {
		if _, err := audit.Lines(t.Context(), s, 1, c.first, c.count); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Lines(%d, %d): %v, want ErrNotFound", c.first, c.count, err)
		}
	}
	mustDerive(t, s, 1, 3)
	for _, b := range blobsOf(t, s, 1, "tile/0", 0) {
		want, err := tlog.ReadTileData(tlog.Tile{H: torchwood.TileHeight, N: b.Number, W: 256}, tree)
		if err != nil || !bytes.Equal(b.Data, want) {
			t.Errorf("the kept tile %d is another: %v", b.Number, err)
		}
	}
	mustHaveSizes(t, s, sizes{0: 2, 1: size})
}

// mustDerive waits until so many full tiles of a log are kept.
func mustDerive(t *testing.T, s audit.Store, log audit.LogID, tiles int) {
	t.Helper()
	for end := time.Now().Add(patience); len(blobsOf(t, s, log, "tile/0", 0)) < tiles; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("log %s has %d tiles, want %d", log, len(blobsOf(t, s, log, "tile/0", 0)), tiles)
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
