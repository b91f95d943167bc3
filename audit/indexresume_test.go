package audit_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// TestResumeBesideAnotherServer begins to derive where runs of a higher tier are there, and not all runs that
// they were made from: so it looks to a server that counts them while another one makes more.
func TestResumeBesideAnotherServer(t *testing.T) {
	m := audit.NewMem()
	c := config(t, m)
	l := open(t, c)
	entries := make([]audit.Entry, 600)
	for i := range entries {
		entries[i] = newEntry(i)
	}
	mustAppend(t, l, entries...)
	mustClose(t, l)
	if err := audit.Reindex(t.Context(), m, c.Key, nil); err != nil {
		t.Fatal(err)
	}
	lowest := audit.BlobKind{Log: 1, Kind: audit.RunKind(0)}
	all := len(m.RawBlobs(lowest))
	for tier, from := range []int64{53, 14, 3} { // the run 13 of the middle tier was made from those up to 55
		if err := m.PruneBlobs(t.Context(), 1, audit.RunKind(tier), from, 1<<40); err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, c)
	for end := time.Now().Add(time.Minute); len(m.RawBlobs(lowest)) < all; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("what is missing is not derived")
		}
	}
	mustClose(t, l)
	mustBeWhole(t, m)
}
