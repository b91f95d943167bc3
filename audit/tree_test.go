package audit

import (
	"encoding/binary"
	"slices"
	"testing"

	"filippo.io/torchwood"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// TestEdge holds edge and root to golang.org/x/mod and torchwood at each size.
func TestEdge(t *testing.T) {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			hashes[i] = stored[at]
		}
		return hashes, nil
	})
	var e edge
	for n := range int64(2000) {
		leaf := tlog.RecordHash(binary.BigEndian.AppendUint64(nil, uint64(n)))
		hashes, err := tlog.StoredHashesForRecordHash(n, leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		e = e.grow(n, leaf)
		root, err := tlog.TreeHash(n+1, read)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.root(); got != root {
			t.Fatalf("root of %d leaves is %v, want %v", n+1, got, root)
		}
		right, err := read.ReadHashes(torchwood.RightEdge(n + 1))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(right, []tlog.Hash(e)); diff != "" {
			t.Fatalf("edge of %d leaves (-want +got):\n%s", n+1, diff)
		}
		if !e.fits(n+1) || e[1:].fits(n+1) || append(e, leaf).fits(n+1) {
			t.Fatalf("fits is wrong at %d leaves", n+1)
		}
	}
	if e.fits(0) || e.fits(-1) || edge(nil).fits(0) {
		t.Error("an edge fits a tree without leaves")
	}
}

// TestEdgeGrowsApart holds that growing an edge changes neither it nor what else
// was grown from it: a writer that lost its page number grows from it again.
func TestEdgeGrowsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e edge
		size := rapid.Int64Range(0, 2000).Draw(t, "size")
		for n := range size {
			e = e.grow(n, tlog.Hash{byte(n), byte(n >> 8)})
		}
		e = slices.Grow(e, rapid.IntRange(0, 3).Draw(t, "room"))
		was := slices.Clone(e)
		first := e.grow(size, tlog.Hash{1})
		kept := slices.Clone(first)
		second := e.grow(size, tlog.Hash{2})
		if !slices.Equal(e, was) || !slices.Equal(first, kept) || first.root() == second.root() {
			t.Fatalf("growing an edge of %d leaves changed another", size)
		}
	})
}
