package audittest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// handClock is a clock that stands still until a test moves it.
type handClock struct{ nanoseconds atomic.Int64 }

// newHandClock returns a clock that shows noon of a day, in UTC.
func newHandClock(year int, month time.Month, day int) *handClock {
	c := &handClock{}
	c.set(year, month, day)
	return c
}

func (c *handClock) set(year int, month time.Month, day int) {
	c.nanoseconds.Store(time.Date(year, month, day, 12, 0, 0, 0, time.UTC).UnixNano())
}

func (c *handClock) add(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func (c *handClock) now() time.Time { return time.Unix(0, c.nanoseconds.Load()) }

// clockSteps are the steps that the clock makes, one after the other: back, far ahead, and back.
var clockSteps = []time.Duration{
	time.Second, -time.Millisecond, -24 * time.Hour, time.Hour, 48 * time.Hour,
	10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour, -50 * 365 * 24 * time.Hour, time.Microsecond,
	60 * 365 * 24 * time.Hour,
}

// ledgerClock moves the clock back and ahead between appends, and opens the ledger again with such a
// clock. No entry's time is before that of the entry before it, the ledger stays whole, and the time
// of a receipt is its entry's.
func ledgerClock(t *testing.T, s audit.Store) {
	clock := newHandClock(2026, time.February, 3)
	clock.add(789_012_345 * time.Nanosecond)
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
			t.Errorf("step %d: the entry's time %v is before %v, that of the entry before it", i, r.Time, last)
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

// readyAfterTheClock fails an append while the clock is a year ahead. When the clock is right again,
// the ledger must be ready at once, and not a year later.
func readyAfterTheClock(t *testing.T, s audit.Store) {
	clock := newHandClock(2027, time.February, 3)
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
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // it ends, because the commit is held up
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
