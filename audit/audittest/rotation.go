package audittest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// newLedgerAt is newLedger with a clock that the test moves.
func newLedgerAt(t *testing.T, s audit.Store, c *handClock, logs int) *audit.Ledger {
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Config{Store: s, Key: newKey(t, 1), Logs: logs, AppendTimeout: patience, Now: c.now})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeLedger(t, l) })
	return l
}

// rotation writes over some months. Servers stop and start, some months have no entry, and the clock
// goes back.
func rotation(t *testing.T, s audit.Store) {
	c := newHandClock(2026, time.October, 31)
	receipts := map[string]audit.Receipt{}
	n := 0
	write := func(l *audit.Ledger, wantLog string) {
		t.Helper()
		for range 2 {
			e := newEntry(n)
			n++
			r := mustAppend(t, l, e)[0]
			receipts[e.RequestID] = r
			if r.Log != wantLog {
				t.Errorf("on %s the entry is in %s, want %s", c.now().Format(time.DateOnly), r.Log, wantLog)
			}
		}
		mustHoldOnce(t, s, receipts)
	}
	l := newLedgerAt(t, s, c, 1)
	write(l, "piinguin-1")
	c.set(2026, time.November, 1)
	write(l, "piinguin-1-2026-11")
	c.set(2026, time.October, 31)
	write(l, "piinguin-1-2026-11")
	closeLedger(t, l)
	c.set(2027, time.February, 10)
	l = newLedgerAt(t, s, c, 1)
	write(l, "piinguin-1-2027-02")
	other := newLedgerAt(t, s, c, 1)
	c.set(2027, time.March, 1)
	write(other, "piinguin-1-2027-03")
	write(l, "piinguin-1-2027-03") // l finds its log closed by the other
	mustHaveSizes(t, s, map[string]int64{
		"piinguin-1": 4, "piinguin-1-2026-11": 6, "piinguin-1-2027-02": 4, "piinguin-1-2027-03": 5,
	})
	closed, err := s.Entry(t.Context(), "piinguin-1", 3)
	if err != nil || closed.Operation != audit.Closed || closed.Reference != "piinguin-1-2026-11" {
		t.Errorf("the last entry of the first log is %v, %v; want a CLOSE that names the next", closed, err)
	}
	opened, err := s.Entry(t.Context(), "piinguin-1-2026-11", 0)
	tree := treeOf(t, s, "piinguin-1")
	if want := fmt.Sprintf("piinguin-1 %d %s", tree.N, tree.Hash); err != nil || opened.Checkpoint != want {
		t.Errorf("the second log commits to %q, %v; want %q", opened.Checkpoint, err, want)
	}
	listed, err := s.List(t.Context(), audit.Query{Limit: 100})
	if err != nil || len(listed) != 19 {
		t.Errorf("List: %d entries, %v; want those of all logs, 19", len(listed), err)
	}
}

// rotationShared has two servers reach the end of a month at the same time, while commits fail by
// chance.
func rotationShared(t *testing.T, s audit.Store) {
	c := newHandClock(2026, time.October, 31)
	var open atomic.Bool
	shared := NewFaulty(s, sometimes(3, &open))
	ledgers := []*audit.Ledger{newLedgerAt(t, shared, c, 2), newLedgerAt(t, shared, c, 2)}
	receipts := map[string]audit.Receipt{}
	open.Store(true)
	for i := range 3 {
		c.set(2026, time.October+time.Month(i), 5)
		for id, r := range appendConcurrently(t, 6, 3, ledgers...) {
			receipts[fmt.Sprintf("%d %s", i, id)] = r
		}
	}
	open.Store(false)
	seen := map[audit.Receipt]bool{}
	for id, r := range receipts {
		if seen[r] {
			t.Errorf("%s has the receipt of another", id)
		}
		seen[r] = true
		mustBeAt(t, s, id[len("0 "):], r)
	}
	if logs := mustBeWhole(t, s); len(logs) != 6 {
		t.Errorf("logs %v, want three of each series", logs)
	}
}
