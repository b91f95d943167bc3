package audittest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// threeMonths fills a log of each of October, November and December, and returns the ledger.
func threeMonths(t *testing.T, s audit.Store) (*audit.Ledger, []audit.Receipt) {
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
	return l, receipts
}

// pruner is who the PRUNE entries say has pruned.
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

// prune prunes month by month. What was pruned is gone from every answer, and what is left is whole
// and still proven.
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

// mustBePruned checks that the entries of the first two months are gone from every answer, and that
// the others are there.
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
		openOrClose := 0
		for _, e := range entries {
			if e.Operation == audit.Opened || e.Operation == audit.Closed {
				openOrClose++
			} else if e.Log != "piinguin-1-2026-12" {
				t.Fatalf("List(%+v) still has %s/%d", q, e.Log, e.Index)
			}
		}
		if q.Operation == audit.Opened && openOrClose != 3 || q.Operation == audit.Pruned && len(entries) != 2 {
			t.Errorf("List(%+v): %d entries, %d of OPEN or CLOSE", q, len(entries), openOrClose)
		}
	}
}

// halfPruner fails after it has pruned half of the pages.
type halfPruner struct{ audit.Pruner }

func (s halfPruner) Prune(ctx context.Context, pages []audit.Page) error {
	return errors.Join(s.Pruner.Prune(ctx, pages[:len(pages)/2]), errFault)
}

// pruneInterrupted prunes again after a Prune that failed half-way.
func pruneInterrupted(t *testing.T, s audit.Store) {
	l, _ := threeMonths(t, s)
	before := mustBeWhole(t, s)
	closeLedger(t, l)
	later := time.Date(2027, time.June, 1, 0, 0, 0, 0, time.UTC)
	c := newHandClock(2026, time.December, 24)
	l = newLedgerAt(t, s, c, 1)
	if _, err := l.Prune(t.Context(), halfPruner{s}, later, pruner); !errors.Is(err, errFault) {
		t.Fatalf("Prune: %v, want the fault", err)
	}
	closeLedger(t, l)
	before["piinguin-1-2026-12"]++
	mustHaveSizes(t, s, before)
	l = newLedgerAt(t, s, c, 1)
	got, err := l.Prune(t.Context(), s, later, pruner)
	if err != nil || got[0].Entries == 0 || got[0].Entries == 520 {
		t.Errorf("Prune again: %v, %v; want that it prunes the rest", got, err)
	}
	before["piinguin-1-2026-12"] += 2
	mustHaveSizes(t, s, before)
}
