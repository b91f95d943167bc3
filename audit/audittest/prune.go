package audittest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

var (
	october  = time.Date(2026, time.October, 1, 0, 0, 0, 0, time.UTC)
	november = october.AddDate(0, 1, 0)
	december = october.AddDate(0, 2, 0)
)

// threeMonths writes to log 1 in October, November and December: 521, 520 and 520 entries, in pages of
// 256 and 4 but for the OPEN.
func threeMonths(t *testing.T, s audit.Store) (*audit.Ledger, []audit.Receipt, *handClock) {
	t.Helper()
	var receipts []audit.Receipt
	c := newHandClock(2026, time.October, 1)
	l := newLedgerAt(t, s, c, 1)
	for i := range 3 {
		c.set(2026, time.October+time.Month(i), 20)
		for k := range 2 {
			receipts = append(receipts, mustAppend(t, l, batch(300*(2*i+k), 260)...)...)
		}
	}
	return l, receipts, c
}

// pruner is who the PRUNE entries say has pruned.
var pruner = audit.Entry{Caller: "operator", Authentication: "signing key", RequestID: "prune-1"}

func mustPrune(t *testing.T, l *audit.Ledger, s audit.Pruner, before time.Time, want audit.PrunedLog) {
	t.Helper()
	got, err := l.Prune(t.Context(), s, before, pruner)
	if err != nil {
		t.Fatalf("Prune: %v", err)
	}
	if diff := cmp.Diff([]audit.PrunedLog{want}, got); diff != "" {
		t.Errorf("Prune (-want +got):\n%s", diff)
	}
}

// prune prunes month by month. What was pruned is gone from every answer, and what is left is whole
// and still proven.
func prune(t *testing.T, s audit.Store) {
	l, receipts, _ := threeMonths(t, s)
	closeLedger(t, l)
	lines, err := audit.Lines(t.Context(), s, 1, 0, 1561)
	if err != nil {
		t.Fatal(err)
	}
	want := mustBeWhole(t, s)
	l = newLedgerAt(t, s, newHandClock(2026, time.December, 24), 1)
	mustPrune(t, l, s, october, audit.PrunedLog{Log: 1})
	mustHaveSizes(t, s, want)
	mustPrune(t, l, s, november, audit.PrunedLog{Log: 1, Entries: 521, Until: receipts[519].Time})
	want[audit.Spine]++
	mustHaveSizes(t, s, want)
	mustBeProven(t, s, lines)
	mustPrune(t, l, s, november, audit.PrunedLog{Log: 1})
	mustHaveSizes(t, s, want)
	mustPrune(t, l, s, december.AddDate(5, 0, 0), audit.PrunedLog{Log: 1, Entries: 1036, Until: receipts[1555].Time})
	want[audit.Spine]++
	mustHaveSizes(t, s, want)
	mustBePruned(t, s, receipts)
	mustBeProven(t, s, lines)
	mustAppend(t, l, batch(5000, 300)...)
	mustBeWhole(t, s)
	closeLedger(t, l)
	l = newLedger(t, s, 1)
	mustAppend(t, l, newEntry(6000))
	mustBeWhole(t, s)
}

// mustBeProven proves lines that were kept elsewhere, of which some were pruned.
func mustBeProven(t *testing.T, s audit.Store, lines [][]byte) {
	t.Helper()
	for _, index := range []int64{0, 1, 255, 256, 511, 512, 515, 520, 521, 1024, 1556, 1557, 1560} {
		proof, err := audit.ProveEntry(t.Context(), s, 1, index)
		if err != nil || audit.CheckProof(newKey(t, 1).Verifier(), proof, lines[index]) != nil {
			t.Errorf("entry %d, whose line was kept, is not proven after pruning: %v", index, err)
		}
	}
}

// mustBePruned checks that all but the last four entries of threeMonths are gone from every answer.
func mustBePruned(t *testing.T, s audit.Store, receipts []audit.Receipt) {
	t.Helper()
	x := audit.OpenIndex(s)
	for i, r := range receipts {
		_, err := x.Entry(t.Context(), r.Log, r.Index)
		if gone := i < 1556; gone != errors.Is(err, audit.ErrNotFound) {
			t.Fatalf("entry %s/%d: %v", r.Log, r.Index, err)
		}
	}
	for _, first := range []int64{0, 500, 1550, 1556} {
		if _, err := audit.Lines(t.Context(), s, 1, first, 3); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Lines from %d of a pruned log: %v, want ErrNotFound", first, err)
		}
	}
	for _, c := range []struct {
		query audit.Query
		want  int // 0: not known here
	}{
		{audit.Query{}, 4 + 3}, // the spine's OPEN and both its PRUNE as well
		{audit.Query{Callers: []string{"caller-1"}}, 0},
		{audit.Query{To: december}, 0},
		{audit.Query{From: october, To: receipts[1559].Time}, 0},
		{audit.Query{Operations: []audit.Operation{audit.Opened}}, 1},
		{audit.Query{Operations: []audit.Operation{audit.Pruned}}, 2},
	} {
		q := c.query
		q.Limit = 10_000
		entries, next, err := x.List(t.Context(), q)
		if err != nil || next != nil {
			t.Fatalf("List(%+v): %v, %v", q, next, err)
		}
		for _, e := range entries {
			if e.Log != audit.Spine && e.Index < 1557 {
				t.Fatalf("List(%+v) still has %s", q, e.Place())
			}
		}
		if c.want > 0 && len(entries) != c.want {
			t.Errorf("List(%+v): %d entries, want %d", q, len(entries), c.want)
		}
	}
}

// pruneInterrupted ends a Prune at each of its writes, before it and after it. The ledger is whole then,
// and a later Prune completes what was interrupted, with an earlier or a later date too.
func pruneInterrupted(t *testing.T, s audit.Store) {
	clock := newHandClock(2026, time.October, 1)
	month := october
	for n, met := 1, true; met; n++ {
		for i, fate := range []Fate{Lost, Stored} {
			l := newLedgerAt(t, s, clock, 1)
			for _, day := range []int{10, 20} {
				clock.set(month.Year(), month.Month(), day)
				mustAppend(t, l, batch(10_000*n+1000*i+day, 150)...)
			}
			closeLedger(t, l)
			month = month.AddDate(0, 1, 0)
			met = interrupt(t, s, clock, n, fate, month)
			mustBeWhole(t, s)
			l = newLedgerAt(t, s, clock, 1)
			before := []time.Time{month, month.AddDate(0, 0, -15), month.AddDate(1, 0, 0)}[(n+i)%3]
			if _, err := l.Prune(t.Context(), s, before, pruner); err != nil {
				t.Fatalf("write %d: Prune again: %v", n, err)
			}
			mustBeWhole(t, s)
			closeLedger(t, l)
		}
	}
}

// interrupt begins a Prune that fails from its n-th write on, and reports whether it has as many.
func interrupt(t *testing.T, s audit.Store, clock *handClock, n int, fate Fate, before time.Time) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var armed, met atomic.Bool
	writes := 0
	shared := NewFaulty(s, func(op string, _ int) Fault {
		if !armed.Load() || !slices.Contains([]string{Commit, PutBlobs, Prune, PruneBlobs}, op) {
			return Fault{}
		}
		if writes++; writes < n {
			return Fault{}
		}
		met.Store(true)
		cancel() // nobody tries again
		return Fault{Err: errFault, Fate: fate}
	})
	l, err := audit.Open(t.Context(), withClock(config(t, shared), clock))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	mustAppend(t, l, newEntry(500_000+n)) // so that there is something to CHECKPOINT
	armed.Store(true)
	if _, err := l.Prune(ctx, shared, before, pruner); err == nil && met.Load() {
		t.Errorf("Prune succeeds though its write %d failed", n)
	}
	_ = l.Close(ctx) // as a process that ends
	return met.Load()
}

// pruneHeld holds that nothing is pruned before every HOLD is released.
func pruneHeld(t *testing.T, s audit.Store) {
	l, receipts, _ := threeMonths(t, s)
	hold := func(o audit.Operation, reference string) {
		t.Helper()
		by := pruner
		by.Operation, by.Reference = o, reference
		r, err := l.Hold(t.Context(), by)
		if err != nil || r.Log != audit.Spine {
			t.Fatalf("Hold: %v, %v", r, err)
		}
	}
	mustHold := func() {
		t.Helper()
		was := mustBeWhole(t, s)
		if got, err := l.Prune(t.Context(), s, november, pruner); !errors.Is(err, audit.ErrHeld) || len(got) > 0 {
			t.Errorf("Prune: %v, %v; want ErrHeld", got, err)
		}
		if now := mustBeWhole(t, s); now[1] != was[1] || now[audit.Spine] > was[audit.Spine]+1 || len(pagesOf(t, s, 1, 0)) != 13 {
			t.Errorf("a Prune that a HOLD forbids left logs of %v, and before %v", now, was)
		}
	}
	hold(audit.Held, "case 1")
	mustHold()
	hold(audit.Held, "case 2")
	hold(audit.Held, "case 1")
	hold(audit.Released, "case 1")
	mustHold()
	hold(audit.Released, "case 3") // which nobody held
	closeLedger(t, l)
	l = newLedgerAt(t, s, newHandClock(2026, time.December, 24), 1)
	mustHold()
	hold(audit.Released, "case 2")
	mustPrune(t, l, s, november, audit.PrunedLog{Log: 1, Entries: 521, Until: receipts[519].Time})
	mustBeWhole(t, s)
}
