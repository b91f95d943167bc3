package audit_test

import (
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// TestPruneUpToAKey prunes a log whose last old page is the one of a KEY, which two keys have signed.
func TestPruneUpToAKey(t *testing.T) {
	m := audit.NewMem()
	now := time.Date(2026, time.February, 3, 0, 0, 0, 0, time.UTC)
	c := config(t, m)
	c.Now = func() time.Time { return now }
	fill(t, open(t, c), 3)
	for _, seed := range []byte{2, 3} {
		if err := audit.Rotate(t.Context(), m, c.Key, newKey(t, seed), c.Now); err != nil {
			t.Fatal(err)
		}
		c.Key = newKey(t, seed)
	}
	before := now.Add(time.Hour)
	now = before.Add(time.Hour)
	l := open(t, c)
	mustAppend(t, l, newEntry(1))
	pruned, err := l.Prune(t.Context(), m, before, audit.Entry{RequestID: "p-1"})
	if err != nil || len(pruned) != 1 || pruned[0].Entries != 7 { // all but the two KEYs
		t.Fatalf("Prune: %+v, %v", pruned, err)
	}
	mustClose(t, l)
	mustClose(t, open(t, c)) // a writer goes on after the stub
	first := newKey(t, 1).Verifier()
	if r := mustVerify(t, m, &first); len(r.Findings) > 0 || r.Logs[1].Pruned != 7 || r.Keys != 3 {
		t.Errorf("report: %+v", r)
	}
}
