package audit_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// TestDeadline holds that an append whose commit hangs fails closed at its deadline,
// and that its entry is there once or not at all when the engine is back, for
// each thing that the engine may have done with it.
func TestDeadline(t *testing.T) {
	for name, fate := range map[string]audittest.Fate{"lost": audittest.Lost, "stored": audittest.Stored, "late": audittest.Late} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { deadline(t, fate) })
		})
	}
}

func deadline(t *testing.T, fate audittest.Fate) {
	m := audit.NewMem()
	var down switched
	l := newLedger(t, audittest.NewFaulty(m, down.f), 1)
	down.set(audittest.Fault{Hang: true, Fate: fate})
	start := time.Now()
	_, err := l.Append(t.Context(), newEntry(1))
	if !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v, want ErrUnavailable and the deadline", err)
	}
	if took := time.Since(start); took != audit.DefaultAppendTimeout {
		t.Errorf("append failed after %v, want %v", took, audit.DefaultAppendTimeout)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := l.Ready(ctx); !errors.Is(err, audit.ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("Ready: %v, want ErrUnavailable without asking the store", err)
	}
	// Waits in the queue behind the page whose outcome is unknown, and is given up there.
	if _, err := l.Append(t.Context(), newEntry(2)); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("append behind it: %v, want ErrUnavailable", err)
	}
	down.clear()
	time.Sleep(time.Minute)
	mustAppend(t, l, newEntry(3))
	mustClose(t, l)
	mustBeWhole(t, m)
	for request, want := range map[string]int{"r-1": 1, "r-2": 0, "r-3": 1} {
		if got := times(t, m, request); got != want {
			t.Errorf("%s is %d times in the ledger, want %d", request, got, want)
		}
	}
}

// TestLostStore holds that nobody waits for a store that says it is lost for good, and that Close
// does not either.
func TestLostStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Bool
		l := newLedger(t, audittest.NewFaulty(audit.NewMem(), func(string, int) (f audittest.Fault) {
			if lost.Load() {
				f.Err = fmt.Errorf("the driver: %w", audit.ErrLost)
			}
			return f
		}), 1)
		mustAppend(t, l, newEntry(1))
		lost.Store(true)
		start := time.Now()
		for n := range 2 {
			if _, err := l.Append(t.Context(), newEntry(n+2)); !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, audit.ErrLost) {
				t.Errorf("append: %v, want ErrUnavailable and ErrLost", err)
			}
		}
		if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("Ready: %v, want ErrUnavailable", err)
		}
		if err := l.Close(t.Context()); !errors.Is(err, audit.ErrLost) { // the spine does not list the last entries
			t.Errorf("Close: %v, want ErrLost", err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// TestCommitOutlastsALongOutage holds that a page whose outcome is unknown is tried for as long as the
// store is away, and that the writer tries at least about once a second: nothing else may be written
// before the outcome is known.
func TestCommitOutlastsALongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		var down switched
		var calls atomic.Int64
		l := newLedger(t, audittest.NewFaulty(m, func(op string, n int) audittest.Fault {
			calls.Add(1)
			return down.f(op, n)
		}), 1)
		down.set(audittest.Fault{Err: errEngine})
		if _, err := l.Append(t.Context(), newEntry(1)); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("append: %v, want ErrUnavailable", err)
		}
		time.Sleep(24 * time.Hour)
		if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("Ready after a day: %v, want ErrUnavailable", err)
		}
		before := calls.Load()
		time.Sleep(time.Hour)
		// A commit and a reading each second; the waits vary by half.
		if n := calls.Load() - before; n < 6000 || n > 9000 {
			t.Errorf("%d calls in an hour, want about 7200", n)
		}
		down.clear()
		time.Sleep(2 * time.Second)
		if err := l.Ready(t.Context()); err != nil {
			t.Errorf("Ready when the store is back: %v", err)
		}
		mustAppend(t, l, newEntry(2))
		mustClose(t, l)
		mustBeWhole(t, m)
		for _, request := range []string{"r-1", "r-2"} {
			if got := times(t, m, request); got != 1 {
				t.Errorf("%s is %d times in the ledger, want once", request, got)
			}
		}
	})
}

// TestCallersDeadline holds that a caller's own shorter deadline counts.
func TestCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHooked(audit.NewMem())
		l := newLedger(t, s, 1)
		s.before(takes(time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := l.Append(ctx, newEntry(1)); !errors.Is(err, audit.ErrUnavailable) || time.Since(start) != 300*time.Millisecond {
			t.Errorf("append: %v after %v, want ErrUnavailable after 300ms", err, time.Since(start))
		}
		mustClose(t, l)
	})
}

// TestReady follows the readiness of a ledger through faults and out of them.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		commits, readings, last := switched{only: audittest.Commit}, switched{only: audittest.Pages}, switched{only: audittest.Last}
		l := newLedger(t, audittest.NewFaulty(audittest.NewFaulty(audittest.NewFaulty(m, commits.f), readings.f), last.f), 1)
		ready := func(when string, want bool) {
			t.Helper()
			err := l.Ready(t.Context())
			if (err == nil) != want || (err != nil && !errors.Is(err, audit.ErrUnavailable)) {
				t.Errorf("%s: Ready is %v, want ready %t", when, err, want)
			}
		}
		ready("just opened", true)

		last.set(audittest.Fault{Err: errEngine})
		ready("the store does not answer", false)
		last.clear()
		ready("the store answers again", true)

		commits.set(audittest.Fault{Err: errEngine})
		ctx, cancel := context.WithCancel(t.Context())
		waiting := startAppend(ctx, l, newEntry(1))
		synctest.Wait()
		ready("a commit's outcome is unknown", false)
		cancel()
		<-waiting
		commits.clear()
		time.Sleep(2 * time.Second) // the writer's next try
		ready("the commit is through and its caller went away", true)

		commits.set(audittest.Fault{Err: errEngine})
		if _, err := l.Append(t.Context(), newEntry(2)); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("append: %v, want ErrUnavailable", err)
		}
		commits.clear()
		time.Sleep(2 * time.Second)
		ready("an append failed two seconds ago", false)
		time.Sleep(8 * time.Second)
		ready("an append failed ten seconds ago", true)

		commits.set(audittest.Fault{Err: errEngine})
		_, _ = l.Append(t.Context(), newEntry(3))
		commits.clear()
		mustAppend(t, l, newEntry(4))
		ready("an append succeeded since", true)
		mustClose(t, l)
		mustBeWhole(t, m)
	})
}
