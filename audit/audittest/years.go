package audittest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// calendar is a clock that a test sets.
type calendar struct{ now atomic.Int64 }

func (c *calendar) set(year int, month time.Month, day int) {
	c.now.Store(time.Date(year, month, day, 12, 0, 0, 0, time.UTC).UnixNano())
}

func (c *calendar) read() time.Time { return time.Unix(0, c.now.Load()) }

// newLedgerAt is newLedger with the calendar as its clock.
func newLedgerAt(t *testing.T, s audit.Store, c *calendar, logs int) *audit.Ledger {
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Config{Store: s, Key: newKey(t, 1), Logs: logs, AppendTimeout: patience, Now: c.read})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeLedger(t, l) })
	return l
}

// rotation writes over some months, with servers that stop and start, months
// without an entry, and a clock that goes back.
func rotation(t *testing.T, s audit.Store) {
	var c calendar
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
				t.Errorf("on %s the entry is in %s, want %s", c.read().Format(time.DateOnly), r.Log, wantLog)
			}
		}
		mustHoldOnce(t, s, receipts)
	}
	c.set(2026, time.October, 31)
	l := newLedgerAt(t, s, &c, 1)
	write(l, "piinguin-1")
	c.set(2026, time.November, 1)
	write(l, "piinguin-1-2026-11")
	c.set(2026, time.October, 31)
	write(l, "piinguin-1-2026-11")
	closeLedger(t, l)
	c.set(2027, time.February, 10)
	l = newLedgerAt(t, s, &c, 1)
	write(l, "piinguin-1-2027-02")
	other := newLedgerAt(t, s, &c, 1)
	c.set(2027, time.March, 1)
	write(other, "piinguin-1-2027-03")
	write(l, "piinguin-1-2027-03") // it finds the log closed
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

// rotationShared has servers reach the end of a month side by side, with commits
// that fail by chance.
func rotationShared(t *testing.T, s audit.Store) {
	var c calendar
	c.set(2026, time.October, 31)
	var open atomic.Bool
	shared := NewFaulty(s, sometimes(3, &open))
	ledgers := []*audit.Ledger{newLedgerAt(t, shared, &c, 2), newLedgerAt(t, shared, &c, 2)}
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

// threeMonths fills a log of each of October, November and December, and returns the ledger.
func threeMonths(t *testing.T, s audit.Store) (*audit.Ledger, []audit.Receipt) {
	t.Helper()
	var c calendar
	var receipts []audit.Receipt
	c.set(2026, time.October, 1)
	l := newLedgerAt(t, s, &c, 1)
	for i := range 3 {
		c.set(2026, time.October+time.Month(i), 20)
		for k := range 2 {
			receipts = append(receipts, mustAppend(t, l, batch(300*(2*i+k), 260)...)...)
		}
	}
	return l, receipts
}

var pruner = audit.Entry{Caller: "operator", Authentication: "signing key", RequestID: "prune-1"}

func mustPrune(t *testing.T, l *audit.Ledger, s audit.Pruner, before time.Time, want ...audit.PrunedLog) {
	t.Helper()
	got, err := l.Prune(t.Context(), s, before, pruner)
	if err != nil {
		t.Fatalf("Prune: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Prune (-want +got):\n%s", diff)
	}
}

func prune(t *testing.T, s audit.Store) {
	l, receipts := threeMonths(t, s)
	kept, err := s.Entry(t.Context(), receipts[5].Log, receipts[5].Index)
	if err != nil {
		t.Fatal(err)
	}
	sizes := mustBeWhole(t, s)
	december := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)
	mustPrune(t, l, s, december.AddDate(0, -2, 0),
		audit.PrunedLog{Log: "piinguin-1", Kept: audit.KeptLater},
		audit.PrunedLog{Log: "piinguin-1-2026-11", Kept: audit.KeptLater},
		audit.PrunedLog{Log: "piinguin-1-2026-12", Kept: audit.KeptOpen})
	mustHaveSizes(t, s, sizes)
	mustPrune(t, l, s, december.AddDate(0, -1, 0),
		audit.PrunedLog{Log: "piinguin-1", Entries: 520},
		audit.PrunedLog{Log: "piinguin-1-2026-11", Kept: audit.KeptLater},
		audit.PrunedLog{Log: "piinguin-1-2026-12", Kept: audit.KeptOpen})
	sizes["piinguin-1-2026-12"]++
	mustHaveSizes(t, s, sizes)
	mustPrune(t, l, s, december.AddDate(5, 0, 0),
		audit.PrunedLog{Log: "piinguin-1", Kept: audit.KeptGone},
		audit.PrunedLog{Log: "piinguin-1-2026-11", Entries: 520},
		audit.PrunedLog{Log: "piinguin-1-2026-12", Kept: audit.KeptOpen})
	sizes["piinguin-1-2026-12"]++
	mustHaveSizes(t, s, sizes)
	mustBePruned(t, s, receipts)
	line, err := kept.Format()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := audit.ProveEntry(t.Context(), s, kept.Log, kept.Index)
	if err != nil || audit.CheckProof(newKey(t, 1).Verifier(), proof, line) != nil {
		t.Errorf("an entry that was kept elsewhere is not proven after pruning: %v", err)
	}
	mustAppend(t, l, newEntry(1))
	mustBeWhole(t, s)
}

// mustBePruned checks that the entries of the first two months are gone from every
// answer, and the others are not.
func mustBePruned(t *testing.T, s audit.Store, receipts []audit.Receipt) {
	t.Helper()
	for i, r := range receipts {
		_, err := s.Entry(t.Context(), r.Log, r.Index)
		if gone := i < 4*260; gone != errors.Is(err, audit.ErrNotFound) {
			t.Fatalf("entry %s/%d: %v", r.Log, r.Index, err)
		}
	}
	if _, err := s.Lines(t.Context(), "piinguin-1", 0, 3); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Lines of a pruned log: %v, want ErrNotFound", err)
	}
	for _, q := range []audit.Query{{}, {Caller: "caller-1"}, {ModifiedValue: "m-1"}, {To: receipts[0].Time.AddDate(0, 1, 0)}, {Operation: audit.Opened}, {Operation: audit.Pruned}} {
		q.Limit = 10_000
		entries, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List(%+v): %v", q, err)
		}
		house := 0
		for _, e := range entries {
			if e.Operation == audit.Opened || e.Operation == audit.Closed {
				house++
			} else if e.Log != "piinguin-1-2026-12" {
				t.Fatalf("List(%+v) still has %s/%d", q, e.Log, e.Index)
			}
		}
		if q.Operation == audit.Opened && house != 3 || q.Operation == audit.Pruned && len(entries) != 2 {
			t.Errorf("List(%+v): %d entries, %d of OPEN or CLOSE", q, len(entries), house)
		}
	}
}

// stopping is a store whose n-th Prune fails when half of its pages are pruned.
type stopping struct {
	audit.Store
	calls int
}

func (s *stopping) Prune(ctx context.Context, pages []audit.Page) error {
	if s.calls--; s.calls > 0 {
		return s.Store.Prune(ctx, pages)
	}
	return errors.Join(s.Store.Prune(ctx, pages[:len(pages)/2]), errFault)
}

func pruneInterrupted(t *testing.T, s audit.Store) {
	l, _ := threeMonths(t, s)
	before := mustBeWhole(t, s)
	closeLedger(t, l)
	later := time.Date(2027, time.June, 1, 0, 0, 0, 0, time.UTC)
	var c calendar
	c.set(2026, time.December, 24)
	l = newLedgerAt(t, s, &c, 1)
	if _, err := l.Prune(t.Context(), &stopping{s, 1}, later, pruner); !errors.Is(err, errFault) {
		t.Fatalf("Prune: %v, want the fault", err)
	}
	closeLedger(t, l)
	before["piinguin-1-2026-12"]++
	mustHaveSizes(t, s, before)
	l = newLedgerAt(t, s, &c, 1)
	got, err := l.Prune(t.Context(), s, later, pruner)
	if err != nil || got[0].Entries == 0 || got[0].Entries == 520 {
		t.Errorf("Prune again: %v, %v; want that it prunes the rest", got, err)
	}
	before["piinguin-1-2026-12"] += 2
	mustHaveSizes(t, s, before)
}

// lease holds that a series is one holder's until its time is over, of stores that are
// for several servers.
func lease(t *testing.T, s audit.Store) {
	leases, several := s.(audit.Leases)
	if !several {
		return
	}
	start := time.Date(2026, time.February, 3, 4, 5, 6, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for i, c := range []struct {
		series, holder string
		now, until     int
		want           bool
	}{
		{"piinguin-1", "a", 0, 10, true},
		{"piinguin-1", "b", 9, 19, false},
		{"piinguin-2", "b", 9, 19, true},
		{"piinguin-1", "a", 9, 15, true},   // renewed
		{"piinguin-1", "b", 12, 22, false}, // still
		{"piinguin-1", "b", 15, 25, true},  // it has ended
		{"piinguin-1", "a", 16, 26, false},
		{"piinguin-1", "b", 17, 17, true}, // given back
		{"piinguin-1", "a", 17, 27, true},
	} {
		got, err := leases.Lease(t.Context(), c.series, c.holder, at(c.now), at(c.until))
		if err != nil || got != c.want {
			t.Errorf("step %d: Lease: %t, %v; want %t", i, got, err, c.want)
		}
	}
	newLedger(t, s, 1)
	mustHaveSizes(t, s, map[string]int64{"piinguin-1": 1})
}
