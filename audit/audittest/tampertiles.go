package audittest

import (
	"slices"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// TamperTiles is Tamper for a log of so many entries, which have a full blob of roots behind the one with pruned entries. The first 521
// entries are pruned, so that the log has two tiles of the lowest level: of more, or with a tile of the next
// level, of 65,536 entries, it would take too long. tileTamperings are those that the driver adds.
func TamperTiles(t *testing.T, entries int, open func(t *testing.T) Tamperable, tileTamperings func(t *testing.T, s Tamperable) []Tampering) {
	s := open(t)
	clock := newHandClock(2026, time.October, 1)
	l := newLedgerAt(t, s, clock, 1)
	mustAppend(t, l, batch(0, 520)...)
	clock.set(2026, time.December, 1)
	for n := 521; n < entries; n += 250 {
		mustAppend(t, l, batch(n, min(250, entries-n))...)
	}
	closeLedger(t, l)
	clock.set(2026, time.December, 24)
	l = newLedgerAt(t, s, clock, 1)
	if _, err := l.Prune(t.Context(), s, november, pruner); err != nil {
		t.Fatalf("Prune: %v", err)
	}
	mustBeWhole(t, s)
	closeLedger(t, l)
	check := newBlobFinder(t, s)
	all := append(hashTamperings(t, s), tileTamperings(t, s)...)
	for i, c := range all {
		c.Apply(t)
		check.mustFind(t, c)
		c.Undo(t)
		if i%wholeEvery == wholeEvery-1 || i == len(all)-1 {
			mustBeWhole(t, s)
		}
	}
	mustBearTiles(t, s)
}

// hashTamperings change the blobs that hold hashes of a log's tree, through the store itself.
func hashTamperings(t *testing.T, s audit.Store) []Tampering {
	t.Helper()
	tiles, roots := blobsOf(t, s, 1, "tile/0", 0), blobsOf(t, s, 1, "roots", 0)
	if len(tiles) != 2 || len(roots) < 2 {
		t.Fatalf("%d tiles of the lowest level and %d blobs of roots", len(tiles), len(roots))
	}
	var all []Tampering
	add := func(name string, row audit.Blob, apply, undo func(t *testing.T)) {
		all = append(all, Tampering{Name: row.Kind + ": " + name, Row: audit.BlobRow(1, row.Kind, row.Number), Apply: apply, Undo: undo})
	}
	put := func(blobs ...audit.Blob) func(t *testing.T) { return func(t *testing.T) { mustPut(t, s, blobs...) } }
	remove := func(b audit.Blob) func(t *testing.T) { return func(t *testing.T) { mustRemove(t, s, b) } }
	for _, kept := range [][]audit.Blob{tiles, roots} {
		for i, b := range kept {
			for name, data := range map[string][]byte{
				"cut": b.Data[:len(b.Data)-1], "longer": append(slices.Clone(b.Data), 0), "no data": {}, "a hash": b.Data[:32],
				"the first bit": flipped(b.Data, 0), "a bit of the second hash": flipped(b.Data, 32),
				"the middle": flipped(b.Data, len(b.Data)/2), "the last byte": flipped(b.Data, len(b.Data)-1),
			} {
				add(name, b, put(audit.Blob{Log: 1, Kind: b.Kind, Number: b.Number, Data: data}), put(b))
			}
			if last := i == len(kept)-1; !last {
				a, c := b, kept[i+1]
				a.Data, c.Data = c.Data, a.Data
				add("exchanged with the next", b, put(a, c), put(b, kept[i+1]))
			}
			beyond := b
			beyond.Number = 1 << 40
			add("copied far away", beyond, put(beyond), remove(beyond))
			beyond.Number = int64(len(roots)) // as a tile of lines that are there
			add("copied to where there is none", beyond, put(beyond), remove(beyond))
		}
	}
	for _, b := range tiles {
		add("missing", b, remove(b), put(b))
	}
	middle := roots[len(roots)-2]
	add("missing", middle, remove(middle), put(middle))
	return all
}

// mustBearTiles: roots that are missing at the end are not derived yet, and an interrupted Prune leaves tiles of
// lines that are there. Reindex replaces what is wrong, and removes none of these tiles.
func mustBearTiles(t *testing.T, s audit.Store) {
	t.Helper()
	roots := blobsOf(t, s, 1, "roots", 0)
	mustRemove(t, s, roots[len(roots)-1])
	mustBeWhole(t, s)
	live := audit.Blob{Log: 1, Kind: "tile/0", Number: 4}
	lines, err := audit.Lines(t.Context(), s, 1, 4*256, 256)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		hash := audit.LeafHash(line)
		live.Data = append(live.Data, hash[:]...)
	}
	mustPut(t, s, live)
	mustBeWhole(t, s)
	stray := audit.Blob{Log: 1, Kind: "tile/0", Number: 1 << 30, Data: live.Data}
	mustPut(t, s, stray, audit.Blob{Log: 1, Kind: "tile/0", Number: 4, Data: flipped(live.Data, 1)}, audit.Blob{Log: 1, Kind: "roots", Number: 1, Data: roots[0].Data})
	if err := audit.Reindex(t.Context(), s, newKey(t, 1), nil); err != nil {
		t.Fatalf("Reindex: %v", err)
	}
	mustBeWhole(t, s)
	if diff := diffBlobs(roots, blobsOf(t, s, 1, "roots", 0)); diff != "" {
		t.Errorf("Reindex leaves other roots (-want +got):\n%s", diff)
	}
	if got := blobsOf(t, s, 1, "tile/0", 4); len(got) != 1 {
		t.Errorf("Reindex leaves %d of the tiles from 4 on, want 1", len(got))
	}
}
