package audittest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	l := newLedgerAt(t, s, clock, 1)
	var last time.Time
	receipts := map[string]audit.Receipt{}
	for i, step := range clockSteps {
		clock.add(step)
		if i%3 == 2 {
			closeLedger(t, l)
			l = newLedgerAt(t, s, clock, 1)
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
	var held atomic.Bool
	l := newLedgerAt(t, NewFaulty(s, func(op string, _ int) Fault {
		if op == Commit && held.Load() {
			<-commits
		}
		return Fault{}
	}), clock, 1)
	held.Store(true)
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

// serversWithClocks runs servers on one log whose clocks differ by 5 ms to 2 s, jump ahead and go back.
// Time never goes back in the log, and nothing that a server writes is refused by another.
func serversWithClocks(t *testing.T, s audit.Store) {
	rnd := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same jumps each time
	start := newHandClock(2026, time.February, 28)
	var clocks []*handClock
	var ledgers []*audit.Ledger
	for _, differs := range []time.Duration{0, 5 * time.Millisecond, -300 * time.Millisecond, 2 * time.Second} {
		c := &handClock{}
		c.nanoseconds.Store(start.now().Add(differs).UnixNano())
		clocks = append(clocks, c)
		ledgers = append(ledgers, newLedgerAt(t, s, c, 2))
	}
	receipts := map[string]audit.Receipt{}
	for round := range 6 {
		for id, r := range appendConcurrently(t, 8, 2, ledgers...) {
			receipts[fmt.Sprintf("%d %s", round, id)] = r
		}
		for _, c := range clocks {
			c.add(time.Duration(rnd.IntN(2000)-700) * time.Millisecond)
		}
		clocks[round%4].add([]time.Duration{-time.Hour, 40 * 24 * time.Hour, -2 * time.Second}[round%3])
		if round == 3 { // a server stops, and its successor's clock differs too
			closeLedger(t, ledgers[0])
			ledgers[0] = newLedgerAt(t, s, clocks[2], 2)
		}
	}
	for _, l := range ledgers {
		closeLedger(t, l)
	}
	mustBeWhole(t, s)
	places := map[audit.Place]bool{}
	for id, r := range receipts {
		if at := (audit.Place{Log: r.Log, Index: r.Index}); places[at] {
			t.Errorf("%s has the receipt of another", id)
		} else {
			places[at] = true
		}
		mustBeAt(t, s, id[len("0 "):], r)
	}
}
