package audittest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// sizes are the numbers of entries of logs.
type sizes map[audit.LogID]int64

// diffPages compares pages as a driver returns them with what was committed. Lines and hashes are
// compared as a whole, because cmp takes seconds to compare a big page byte by byte.
func diffPages(want, got []audit.Page) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(audit.Page{}), cmp.Comparer(bytes.Equal))
}

// mustBeWhole verifies everything: with the store's key, with the reviewer's key, and again without
// any code of package audit. It returns the size of each log that the spine lists, and of the spine.
func mustBeWhole(t *testing.T, s audit.Store) sizes {
	t.Helper()
	given := newKey(t, 1).Verifier()
	got := sizes{}
	for _, key := range []*audit.VerifierKey{nil, &given} {
		r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: key})
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		for _, f := range r.Findings {
			t.Errorf("Verify found %v", f)
		}
		if want := given.Text(ledgerName); r.Name != ledgerName || r.Key != want || r.KeyFromStore != (key == nil) {
			t.Errorf("Verify used %s and %s, from the store %t; want %s, %t", r.Name, r.Key, r.KeyFromStore, want, key == nil)
		}
		for _, l := range r.Logs {
			if !l.Whole {
				t.Errorf("log %s is not whole", l.Log)
			}
			got[l.Log] = l.Size
		}
	}
	if !t.Failed() {
		checkWithout(t, s, got)
	}
	if t.Failed() {
		t.FailNow()
	}
	return got
}

// mustHaveSizes is mustBeWhole, and compares the sizes of the logs.
func mustHaveSizes(t *testing.T, s audit.Store, want sizes) {
	t.Helper()
	if diff := cmp.Diff(want, mustBeWhole(t, s)); diff != "" {
		t.Fatalf("sizes of the logs (-want +got):\n%s", diff)
	}
}

// mustHoldOnce checks that the ledger holds each wanted entry exactly once, where its receipt says,
// each doubtful one at most once, and nothing else but what the ledger writes by itself.
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
	delete(seen, "") // OPEN and CHECKPOINT
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
	e, err := audit.OpenIndex(s).Entry(t.Context(), r.Log, r.Index)
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
