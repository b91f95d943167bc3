package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/piinguin/piinguin/audit"
)

func TestAppendAllResults(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	bad := newEntry(1)
	bad.Purpose = canary + "\x00"
	results := l.AppendAll(t.Context(), []audit.Entry{bad, newEntry(2), {}, newEntry(3), bad})
	for i, want := range []int64{-1, 1, -1, 2, -1} {
		r := results[i]
		if want < 0 {
			if !errors.Is(r.Err, audit.ErrEntry) {
				t.Errorf("result %d: %v, want ErrEntry", i, r.Err)
			}
			mustNotQuote(t, r.Err)
		} else if r.Err != nil || r.Durable.Receipt().Index != want {
			t.Errorf("result %d: %+v, want index %d", i, r, want)
		}
	}
	if r := l.AppendAll(t.Context(), nil); len(r) != 0 {
		t.Errorf("results of no entry: %v", r)
	}
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("an entry that breaks the format made the ledger unready: %v", err)
	}
	mustClose(t, l)
	mustBeWhole(t, m)
}

// TestAppendOfTheLedgersOwn holds that no caller appends what only the ledger writes.
func TestAppendOfTheLedgersOwn(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	key, root := newKey(t, 1).Verifier().Text(ledgerName), audit.LeafHash(nil).String()
	for _, e := range []audit.Entry{
		{Operation: audit.Opened, Reference: key}, {Operation: audit.Rekeyed, Reference: key, Detail: key},
		{Operation: audit.Checkpoint, Checkpoint: "1 1 " + root}, {Operation: audit.Pruned, Checkpoint: "1 1 " + root},
		{Operation: audit.Held, Reference: "a"}, {Operation: audit.Released, Reference: "a"}, {Operation: audit.RolledBack, Reference: ledgerName},
	} {
		e.Outcome, e.RequestID = audit.Granted, "r"
		if _, err := l.Append(t.Context(), e); !errors.Is(err, audit.ErrEntry) {
			t.Errorf("%s: %v, want ErrEntry", e.Operation, err)
		}
	}
	mustAppend(t, l, newEntry(1))
	mustClose(t, l)
	mustBeWhole(t, m)
}

// TestLogThatHangs holds that appends go around a log whose commit hangs.
func TestLogThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		s := newHooked(m)
		l := newLedger(t, s, 3)
		gate := make(chan struct{})
		s.before(func(ctx context.Context, p audit.Page) error {
			if p.Log != 2 {
				return nil
			}
			return waitsFor(gate)(ctx, p)
		})
		var stuck []<-chan audit.Result
		used := map[audit.LogID]int{}
		for n := range 30 {
			c := startAppend(t.Context(), l, newEntry(n))
			synctest.Wait()
			select {
			case r := <-c:
				used[r.Durable.Receipt().Log]++
			default:
				stuck = append(stuck, c)
			}
		}
		if len(stuck) != 1 || used[1]+used[3] != 29 {
			t.Errorf("%d appends went to the log that hangs, and %v to the others", len(stuck), used)
		}
		close(gate)
		for _, c := range stuck {
			<-c
		}
		mustClose(t, l)
		mustBeWhole(t, m)
	})
}

// TestCloseWritesWhatWaits closes while a page is on its way and more waits.
func TestCloseWritesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		s := newHooked(m)
		l := newLedger(t, s, 1)
		s.before(takes(100 * time.Millisecond))
		var waiting []<-chan audit.Result
		for n := range 20 {
			waiting = append(waiting, startAppend(t.Context(), l, newEntry(n)))
			synctest.Wait()
		}
		mustClose(t, l)
		for n, c := range waiting {
			if r := <-c; r.Err != nil {
				t.Errorf("append %d: %v", n, r.Err)
			}
		}
		mustBeWhole(t, m)
	})
}

// TestCloseInAHurry closes with a context that ends while the engine hangs.
func TestCloseInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		s := newHooked(m)
		l := newLedger(t, s, 2)
		s.before(waitsFor(make(chan struct{})))
		var waiting []<-chan audit.Result
		for n := range 600 {
			waiting = append(waiting, startAppend(t.Context(), l, newEntry(n)))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := l.Close(ctx); !errors.Is(err, audit.ErrUnavailable) || time.Since(start) != time.Second {
			t.Errorf("Close: %v after %v, want ErrUnavailable after a second", err, time.Since(start))
		}
		for n, c := range waiting {
			if r := <-c; !errors.Is(r.Err, audit.ErrUnavailable) || errors.Is(r.Err, context.DeadlineExceeded) {
				t.Errorf("append %d: %v, want ErrUnavailable by the closing", n, r.Err)
			}
		}
		mustBeWhole(t, m)
		if got := pageSizes(t, m, 1); len(got) != 1 {
			t.Errorf("sizes of the pages %v, want the first alone", got)
		}
	})
}

// TestLostNumberIsAdopted holds that a writer that lost a number to another goes on
// at once: no outcome is unknown.
func TestLostNumberIsAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		first, second := newLedger(t, m, 1), newLedger(t, m, 1)
		start := time.Now()
		for n := range 20 {
			l := []*audit.Ledger{first, second}[n/3%2]
			if r := mustAppend(t, l, newEntry(n))[0]; r.Index != int64(n)+1 {
				t.Errorf("append %d went to index %d", n, r.Index)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("adopting took %v of waiting", took)
		}
		mustClose(t, first)
		mustClose(t, second)
		mustBeWhole(t, m)
	})
}

// TestAppendOntoBrokenLog has a page under the next number that no ledger wrote. The
// writer neither waits for it to go away nor builds on it.
func TestAppendOntoBrokenLog(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	broken := m.RawPages(1)[0]
	broken.Number = 1
	if err := m.Commit(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		var row *audit.RowError
		_, err := l.Append(t.Context(), newEntry(n))
		if !errors.Is(err, audit.ErrUnavailable) || !errors.As(err, &row) || row.Row != audit.PageRow(1, 1) {
			t.Errorf("append: %v, want ErrUnavailable that names page 1", err)
		}
	}
	if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("Ready: %v, want ErrUnavailable", err)
	}
	mustClose(t, l)
	if got := len(m.RawPages(1)); got != 2 {
		t.Errorf("%d pages, want nothing after the broken one", got)
	}
}

func TestConfig(t *testing.T) {
	key := newKey(t, 1)
	for name, c := range map[string]audit.Config{
		"Store":         {Key: key},
		"Key":           {Store: audit.NewMem()},
		"Logs":          {Store: audit.NewMem(), Key: key, Logs: audit.MaxLogs + 1},
		"AppendTimeout": {Store: audit.NewMem(), Key: key, AppendTimeout: -1},
	} {
		l, err := audit.Open(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "Config."+name) || l != nil {
			t.Errorf("Open without a good %s: %v", name, err)
		}
	}
	if _, err := audit.Open(t.Context(), audit.Config{Store: audit.NewMem(), Key: key, Logs: -1}); err == nil {
		t.Error("Open with fewer than no log succeeded")
	}
}
