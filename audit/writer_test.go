package audit_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// TestGroupCommit holds that all that waits goes into the next page, that one
// page is on its way at a time, and that nobody lingers.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		s := newHooked(m)
		l := newLedger(t, s, 1)
		s.before(takes(100 * time.Millisecond))
		start := time.Now()
		waiting := []<-chan audit.Result{startAppend(t.Context(), l, newEntry(0))}
		synctest.Wait()
		for n := 1; n <= 300; n++ {
			waiting = append(waiting, startAppend(t.Context(), l, newEntry(n)))
		}
		for n, c := range waiting {
			if r := <-c; r.Err != nil {
				t.Errorf("append %d: %v", n, r.Err)
			}
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("took %v, want three commits of 100ms", took)
		}
		if diff := cmp.Diff([]int{1, 1, audit.MaxPageEntries, 300 - audit.MaxPageEntries}, pageSizes(t, m, 1)); diff != "" {
			t.Errorf("sizes of the pages (-want +got):\n%s", diff)
		}
		mustClose(t, l)
		mustBeWhole(t, m)
	})
}

// TestPageBytes holds that pages are as full as MaxPageBytes lets them be.
func TestPageBytes(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	entries := make([]audit.Entry, 200)
	for i := range entries {
		entries[i] = newEntry(i)
		entries[i].Purpose, entries[i].Reference = strings.Repeat(`"`, 512), strings.Repeat("r", 512) // a quote takes two bytes
	}
	mustAppend(t, l, entries...)
	mustClose(t, l)
	mustBeWhole(t, m)
	pages := m.RawPages(1)[1:]
	for i, p := range pages {
		total := 0
		for _, line := range p.Lines {
			total += len(line)
		}
		if total > audit.MaxPageBytes {
			t.Errorf("page %d has %d bytes", p.Number, total)
		}
		if i+1 < len(pages) && total+len(pages[i+1].Lines[0]) <= audit.MaxPageBytes {
			t.Errorf("page %d of %d bytes had room for the next line", p.Number, total)
		}
	}
	if len(pages) != 3 {
		t.Errorf("%d pages, want 3", len(pages))
	}
}

// TestClockGoesBack holds that entries' times never do, in one server's life and
// from one to the next.
func TestClockGoesBack(t *testing.T) {
	m := audit.NewMem()
	noon := time.Date(2026, time.February, 3, 12, 0, 0, 1999, time.FixedZone("east", 3600))
	now := noon
	l := openAt(t, m, &now)
	for _, c := range []struct{ clock, want time.Duration }{
		{0, -999}, {-time.Hour, -999}, {time.Second, time.Second - 999}, {time.Millisecond, time.Second - 999},
	} {
		mustClose(t, l)
		now = noon.Add(c.clock)
		l = openAt(t, m, &now)
		r := mustAppend(t, l, newEntry(int(c.clock)))[0]
		if want := noon.Add(c.want).UTC(); r.Time != want {
			t.Errorf("clock at %v: the entry's time is %v, want %v", c.clock, r.Time, want)
		}
	}
	mustClose(t, l)
	mustBeWhole(t, m)
}

// TestClockGoesBackInALife is the same within the life of one ledger.
func TestClockGoesBackInALife(t *testing.T) {
	m := audit.NewMem()
	noon := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
	steps := make(chan time.Duration, 1)
	c := config(t, m)
	c.Now = func() time.Time {
		select {
		case d := <-steps:
			return noon.Add(d)
		default:
			return noon
		}
	}
	l := open(t, c)
	for i, c := range []struct{ clock, want time.Duration }{{time.Hour, time.Hour}, {-time.Hour, time.Hour}, {2 * time.Hour, 2 * time.Hour}, {time.Minute, 2 * time.Hour}} {
		steps <- c.clock
		if r := mustAppend(t, l, newEntry(i))[0]; r.Time != noon.Add(c.want) {
			t.Errorf("clock at %v: the entry's time is %v", c.clock, r.Time)
		}
	}
	mustClose(t, l)
	mustBeWhole(t, m)
}

// TestGivenUpIsNotWritten holds that an entry whose caller went away before its
// turn is never written.
func TestGivenUpIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		s := newHooked(m)
		l := newLedger(t, s, 1)
		gate := make(chan struct{})
		s.before(waitsFor(gate))
		first := startAppend(t.Context(), l, newEntry(1))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		second, third := startAppend(ctx, l, newEntry(2)), startAppend(t.Context(), l, newEntry(3))
		synctest.Wait()
		cancel()
		if r := <-second; !errors.Is(r.Err, audit.ErrUnavailable) || !errors.Is(r.Err, context.Canceled) {
			t.Errorf("append given up: %v, want ErrUnavailable and the context's error", r.Err)
		}
		close(gate)
		for _, c := range []<-chan audit.Result{first, third} {
			if r := <-c; r.Err != nil {
				t.Errorf("append: %v", r.Err)
			}
		}
		mustClose(t, l)
		mustBeWhole(t, m)
		for request, want := range map[string]int{"r-1": 1, "r-2": 0, "r-3": 1} {
			if got := times(t, m, request); got != want {
				t.Errorf("%s is %d times in the ledger, want %d", request, got, want)
			}
		}
	})
}

// TestQueueIsBounded holds that an append beyond the bound fails at once, and
// leaves those that wait alone.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		s := newHooked(m)
		l := newLedger(t, s, 1)
		gate := make(chan struct{})
		s.before(waitsFor(gate))
		first := startAppend(t.Context(), l, newEntry(0))
		synctest.Wait()
		full := make(chan []audit.Result, 1)
		go func() {
			entries := make([]audit.Entry, audit.MaxQueue)
			for i := range entries {
				entries[i] = newEntry(i + 1)
			}
			full <- l.AppendAll(t.Context(), entries)
		}()
		synctest.Wait()
		start := time.Now()
		if _, err := l.Append(t.Context(), newEntry(-1)); !errors.Is(err, audit.ErrUnavailable) || time.Since(start) != 0 {
			t.Errorf("append beyond the bound: %v after %v, want ErrUnavailable at once", err, time.Since(start))
		}
		if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("Ready with a full queue: %v, want ErrUnavailable", err)
		}
		close(gate)
		for _, r := range append(<-full, <-first) {
			if r.Err != nil {
				t.Fatalf("append within the bound: %v", r.Err)
			}
		}
		mustClose(t, l)
		if last, err := m.Last(t.Context(), 1); err != nil || last.Size() != audit.MaxQueue+2 {
			t.Errorf("the log has %d entries, %v; want %d", last.Size(), err, audit.MaxQueue+2)
		}
	})
}

// TestCommitAfterAPause: a writer that stood still between looking at the log's end and committing may have
// taken a number that pruning freed. Nobody is told that the page's entries are durable, and the next page is.
func TestCommitAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHooked(audit.NewMem())
		c := config(t, s)
		c.AppendTimeout = time.Hour
		l := open(t, c)
		s.before(takes(time.Minute))
		if _, err := l.Append(t.Context(), newEntry(1)); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("Append beside a pause: %v, want ErrUnavailable", err)
		}
		s.before(takes(time.Minute - time.Second))
		mustAppend(t, l, newEntry(2))
		mustClose(t, l)
	})
}

// TestHaltOfWaitingEntries: entries that wait when the ledger is halted are not signed either.
func TestHaltOfWaitingEntries(t *testing.T) {
	s := newHooked(audit.NewMem())
	l := newLedger(t, s, 1)
	begun, going := make(chan struct{}), make(chan struct{})
	s.before(func(context.Context, audit.Page) error {
		close(begun)
		<-going
		s.before(func(context.Context, audit.Page) error { return nil })
		return nil
	})
	first, second := make(chan error, 1), make(chan error, 1)
	appending := func(n int, told chan error) { _, err := l.Append(t.Context(), newEntry(n)); told <- err }
	go appending(1, first)
	<-begun
	go appending(2, second)
	for audit.Waiting(l) < 2 {
		runtime.Gosched()
	}
	l.Halt(audit.ErrBehind)
	close(going)
	if err := <-first; err != nil {
		t.Errorf("the page under way: %v", err)
	}
	if err := <-second; !errors.Is(err, audit.ErrBehind) {
		t.Errorf("the entry that waited: %v, want ErrBehind", err)
	}
}
