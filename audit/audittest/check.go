package audittest

import (
	"bytes"
	"slices"
	"testing"

	"filippo.io/torchwood"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// diffPages compares pages as a driver returns them with what was committed. A driver may leave out
// the leaves, and the columns beside lines. Lines and hashes are compared as a whole, because cmp
// takes seconds to compare a big page byte by byte.
func diffPages(want, got []audit.Page) string {
	want = slices.Clone(want)
	for i := range want {
		entries, _ := want[i].Entries()
		want[i].Beside = nil
		for _, e := range entries {
			want[i].Beside = append(want[i].Beside, e.Columns())
		}
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(audit.Page{}), cmp.Comparer(bytes.Equal),
		mayBeNil[tlog.Hash](".Leaves"), mayBeNil[audit.Columns](".Beside"))
}

// mayBeNil lets a field of one of the pages be nil.
func mayBeNil[E comparable](field string) cmp.Option {
	return cmp.FilterPath(
		func(p cmp.Path) bool { return p.Last().String() == field },
		cmp.Comparer(func(a, b []E) bool { return a == nil || b == nil || slices.Equal(a, b) }),
	)
}

// mustBeWhole verifies everything: with the store's key, with the reviewer's key, and again without
// any code of package audit. It returns the size of each log.
func mustBeWhole(t *testing.T, s audit.Store) map[string]int64 {
	t.Helper()
	given := newKey(t, 1).Verifier()
	sizes := map[string]int64{}
	for _, key := range []*audit.VerifierKey{nil, &given} {
		r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: key})
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		for _, f := range r.Findings {
			t.Errorf("Verify found %v", f)
		}
		if want := given.Text(audit.KeyName); r.Key != want || r.KeyFromStore != (key == nil) {
			t.Errorf("Verify used key %s, from the store %t; want %s, %t", r.Key, r.KeyFromStore, want, key == nil)
		}
		for _, l := range r.Logs {
			if !l.Whole {
				t.Errorf("log %s is not whole", l.Log)
			}
			sizes[l.Log] = l.Size
			if key != nil {
				mustSign(t, l.Log, []byte(l.Checkpoint), treeOf(t, s, l.Log))
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return sizes
}

// mustHaveSizes is mustBeWhole, and compares the sizes of the logs.
func mustHaveSizes(t *testing.T, s audit.Store, want map[string]int64) {
	t.Helper()
	if diff := cmp.Diff(want, mustBeWhole(t, s)); diff != "" {
		t.Fatalf("sizes of the logs (-want +got):\n%s", diff)
	}
}

// treeOf computes a log's tree with golang.org/x/mod from the stored lines, and from the stored leaf
// hashes of lines that were pruned.
func treeOf(t *testing.T, s audit.Store, log string) tlog.Tree {
	t.Helper()
	var stored []tlog.Hash
	var size int64
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			hashes[i] = stored[at]
		}
		return hashes, nil
	})
	for _, p := range pagesOf(t, s, log, 0) {
		for i, line := range p.Lines {
			leaf := tlog.RecordHash(line)
			if line == nil { // pruned
				leaf = p.LeafHashes()[i]
			}
			hashes, err := tlog.StoredHashesForRecordHash(size, leaf, read)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, hashes...)
			size++
		}
	}
	root, err := tlog.TreeHash(size, read)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: size, Hash: root}
}

// mustSign checks, as a standard tool does, that a checkpoint signs the tree with the key under the
// log's name.
func mustSign(t *testing.T, log string, checkpoint []byte, want tlog.Tree) {
	t.Helper()
	v, err := note.NewVerifier(newKey(t, 1).Verifier().Text(log))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(checkpoint, note.VerifierList(v)); err != nil {
		t.Errorf("checkpoint of %s: %v", log, err)
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(log), torchwood.SingleVerifierPolicy(v))
	got, _, err := torchwood.VerifyCheckpoint(checkpoint, policy)
	if err != nil {
		t.Errorf("checkpoint of %s: %v", log, err)
	}
	if got.Tree != want {
		t.Errorf("checkpoint of %s signs %v, want %v", log, got.Tree, want)
	}
}

// mustHoldOnce checks that the ledger holds each wanted entry exactly once, where its receipt says,
// each doubtful one at most once, and nothing else but OPEN and CLOSE entries.
func mustHoldOnce(t *testing.T, s audit.Store, want map[string]audit.Receipt, doubtful ...string) {
	t.Helper()
	seen := map[string]int{}
	for log := range mustBeWhole(t, s) {
		for _, p := range pagesOf(t, s, log, 0) {
			entries, err := p.Entries()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				seen[e.RequestID]++
			}
		}
	}
	delete(seen, "") // the OPEN and CLOSE entries
	for id, r := range want {
		if seen[id] != 1 {
			t.Errorf("%s is %d times in the ledger, want once", id, seen[id])
		}
		mustBeAt(t, s, id, r)
		delete(seen, id)
	}
	for _, id := range doubtful {
		if seen[id] > 1 {
			t.Errorf("%s is %d times in the ledger, want at most once", id, seen[id])
		}
		delete(seen, id)
	}
	if len(seen) > 0 {
		t.Errorf("the ledger holds what nobody appended: %v", seen)
	}
}

// mustBeAt checks that the index finds an entry where its receipt says.
func mustBeAt(t *testing.T, s audit.Store, id string, r audit.Receipt) {
	t.Helper()
	e, err := s.Entry(t.Context(), r.Log, r.Index)
	if err != nil {
		t.Fatalf("Entry(%s, %d): %v", r.Log, r.Index, err)
	}
	line, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	got := audit.Receipt{Log: e.Log, Index: e.Index, Time: e.Time, LeafHash: audit.LeafHash(line)}
	if diff := cmp.Diff(r, got); diff != "" || e.RequestID != id {
		t.Errorf("entry %s is not as its receipt says (it is %s):\n%s", id, e.RequestID, diff)
	}
}
