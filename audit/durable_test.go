package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// TestDurable holds a Durable to the ledger: its entry is the one that stands where its
// receipt says, and what was not written gives the zero Durable.
func TestDurable(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	bad := newEntry(2)
	bad.Operation = "none"
	for i, r := range l.AppendAll(t.Context(), []audit.Entry{newEntry(0), newEntry(1), bad}) {
		if r.Err != nil {
			if diff := cmp.Diff(audit.Entry{}, r.Durable.Entry()); diff != "" || i != 2 {
				t.Errorf("entry %d failed and has a Durable (-want +got):\n%s", i, diff)
			}
			continue
		}
		at := r.Durable.Receipt()
		want, err := audit.OpenIndex(m).Entry(t.Context(), at.Log, at.Index)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Durable.Entry()); diff != "" {
			t.Errorf("entry %d (-stored +got):\n%s", i, diff)
		}
	}
}
