package audittest

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// once fails the first call of an operation.
func once(op string, f Fault) func(string, int) Fault {
	return func(called string, n int) Fault {
		if called == op && n == 1 {
			return f
		}
		return Fault{}
	}
}

// faultyOpen opens a ledger while the writes of opening fail: Open fails with the fault, or tries
// again by itself. In either case a ledger that is opened later finds everything in order.
func faultyOpen(t *testing.T, s audit.Store) {
	receipts := map[string]audit.Receipt{}
	n := 0
	for _, op := range []string{KeepVerifierKey, Logs, Last, Register} {
		for name, fate := range fates {
			shared := NewFaulty(s, once(op, Fault{Err: errFault, Fate: fate}))
			c := audit.Config{Store: shared, Key: newKey(t, 1), AppendTimeout: patience, Now: newClock(1)}
			l, err := audit.Open(t.Context(), c)
			switch {
			case op == Register && err != nil:
				t.Fatalf("%s, %s: Open: %v, want that it tries again", op, name, err)
			case op != Register && !errors.Is(err, errFault):
				t.Errorf("%s, %s: Open: %v, want the fault", op, name, err)
			}
			if err != nil {
				if l, err = audit.Open(t.Context(), c); err != nil {
					t.Fatalf("%s, %s: Open again: %v", op, name, err)
				}
			}
			e := newEntry(n)
			n++
			receipts[e.RequestID] = mustAppend(t, l, e)[0]
			closeLedger(t, l)
			mustHoldOnce(t, s, receipts)
		}
	}
}

// faultyVerify holds that a store that does not answer is never reported as whole, nor as broken.
func faultyVerify(t *testing.T, s audit.Store) {
	mustAppend(t, newLedger(t, s, 1), batch(0, 5)...)
	last, err := s.Last(t.Context(), "piinguin-1")
	if err != nil {
		t.Fatal(err)
	}
	given := newKey(t, 1).Verifier()
	from := []audit.KeptCheckpoint{{Name: "trusted", Note: last.Checkpoint}}
	for _, c := range []struct {
		op      string
		options audit.VerifyOptions
	}{
		{Audit, audit.VerifyOptions{}},
		{VerifierKey, audit.VerifyOptions{}},
		{Pages, audit.VerifyOptions{Key: &given}},
		{Logs, audit.VerifyOptions{Key: &given, From: from}},
		{Last, audit.VerifyOptions{Key: &given, From: from}},
	} {
		r, err := audit.Verify(t.Context(), NewFaulty(s, once(c.op, Fault{Err: errFault})), c.options)
		if !errors.Is(err, errFault) || len(r.Findings) > 0 {
			t.Errorf("%s fails: Verify: %v, %v; want the fault and no finding", c.op, r.Findings, err)
		}
	}
	_, err = audit.Export(t.Context(), NewFaulty(s, once(Pages, Fault{Err: errFault})), given, "piinguin-1", 0, io.Discard)
	if !errors.Is(err, errFault) {
		t.Errorf("Pages fails: Export: %v, want the fault", err)
	}
}

// faultyProofs holds that a store that does not answer makes no proof, and is not taken for one that
// is broken.
func faultyProofs(t *testing.T, s audit.Store) {
	mustAppend(t, newLedger(t, s, 1), batch(0, 300)...)
	var row *audit.RowError
	for _, op := range []string{Last, Tile, Leaves} {
		shared := NewFaulty(s, once(op, Fault{Err: errFault}))
		if proof, err := audit.ProveEntry(t.Context(), shared, "piinguin-1", 270); !errors.Is(err, errFault) || errors.As(err, &row) {
			t.Errorf("%s fails: ProveEntry: %q, %v; want the fault", op, proof, err)
		}
		if _, err := audit.ProveEntry(t.Context(), shared, "piinguin-1", 270); err != nil {
			t.Errorf("%s works again: ProveEntry: %v", op, err)
		}
	}
}

// faultyPrune returns a case in which the first Prune fails. Its PRUNE entry is durable by then, the
// ledger stays whole, and pruning again completes the work; again is what that call reports.
func faultyPrune(fate Fate, again audit.PrunedLog) func(t *testing.T, s audit.Store) {
	return func(t *testing.T, s audit.Store) {
		l, _ := threeMonths(t, s)
		closeLedger(t, l)
		sizes := mustBeWhole(t, s)
		c := newHandClock(2026, time.December, 24)
		november := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
		shared := NewFaulty(s, once(Prune, Fault{Err: errFault, Fate: fate}))
		l = newLedgerAt(t, shared, c, 1)
		if _, err := l.Prune(t.Context(), shared, november, pruner); !errors.Is(err, errFault) {
			t.Errorf("Prune: %v, want the fault", err)
		}
		sizes["piinguin-1-2026-12"]++
		mustHaveSizes(t, s, sizes)
		mustPrune(t, l, shared, november, again,
			audit.PrunedLog{Log: "piinguin-1-2026-11", Kept: audit.KeptLater},
			audit.PrunedLog{Log: "piinguin-1-2026-12", Kept: audit.KeptOpen})
		if again.Kept == "" {
			sizes["piinguin-1-2026-12"]++
		}
		mustHaveSizes(t, s, sizes)
		if _, err := s.Lines(t.Context(), "piinguin-1", 0, 3); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Lines of the pruned log: %v, want ErrNotFound", err)
		}
	}
}
