package audittest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// handClock is a clock that is set by hand and stands still between.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// clockSteps is where the clock goes, one after the other: back, far ahead and back again.
var clockSteps = []time.Duration{
	time.Second, -time.Millisecond, -24 * time.Hour, time.Hour, 48 * time.Hour,
	10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour, -50 * 365 * 24 * time.Hour, time.Microsecond,
	60 * 365 * 24 * time.Hour,
}

// ledgerClock sets the clock back and ahead between appends, and opens the ledger anew
// with such a clock. No entry's time is before the one ahead of it, the ledger stays
// whole, and a receipt's time is its entry's.
func ledgerClock(t *testing.T, s audit.Store) {
	clock := &handClock{at: time.Date(2026, time.February, 3, 4, 5, 6, 789_012_345, time.UTC)}
	open := func() *audit.Ledger {
		l, err := audit.Open(t.Context(), audit.Config{Store: s, Key: newKey(t, 1), AppendTimeout: patience, Now: clock.now})
		if err != nil {
			t.Fatalf("Open with the clock at %v: %v", clock.now(), err)
		}
		return l
	}
	l := open()
	var last time.Time
	receipts := map[string]audit.Receipt{}
	for i, step := range clockSteps {
		clock.add(step)
		if i%3 == 2 {
			closeLedger(t, l)
			l = open()
		}
		e := newEntry(i)
		r := mustAppend(t, l, e)[0]
		receipts[e.RequestID] = r
		if r.Time.Before(last) {
			t.Errorf("step %d: the entry's time %v is before %v, the one ahead of it", i, r.Time, last)
		}
		if now := clock.now().Truncate(time.Microsecond); r.Time.Before(now) {
			t.Errorf("step %d: the entry's time %v is before the clock's %v", i, r.Time, now)
		}
		last = r.Time
		if err := l.Ready(t.Context()); err != nil {
			t.Errorf("step %d: Ready: %v", i, err)
		}
		mustHoldOnce(t, s, receipts)
	}
	closeLedger(t, l)
	readyAfterTheClock(t, s)
}

// readyAfterTheClock fails an append while the clock is far ahead. When it is back, nobody
// may have to wait until that time comes.
func readyAfterTheClock(t *testing.T, s audit.Store) {
	clock := &handClock{at: time.Date(2027, time.February, 3, 0, 0, 0, 0, time.UTC)}
	commits := make(chan struct{})
	l, err := audit.Open(t.Context(), audit.Config{
		Store: NewFaulty(s, func(op string, _ int) Fault {
			if op == Commit {
				<-commits
			}
			return Fault{}
		}),
		Key: newKey(t, 1), AppendTimeout: patience, Now: clock.now,
	})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	clock.add(365 * 24 * time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // it ends: the commit waits for us
	defer cancel()
	if _, err := l.Append(ctx, newEntry(1000)); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	close(commits)
	if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("Ready: %v, want ErrUnavailable", err)
	}
	clock.add(-365 * 24 * time.Hour)
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("Ready when the clock is back: %v", err)
	}
	closeLedger(t, l)
	mustBeWhole(t, s)
}
