package audittest

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// nth fails one call of an operation.
func nth(op string, n int, f Fault) func(string, int) Fault {
	return func(called string, at int) Fault {
		if called == op && at == n {
			return f
		}
		return Fault{}
	}
}

// faultyOpen opens a ledger while one call of opening fails: Open fails with the fault, or tries again
// by itself. In either case a ledger that is opened later finds everything in order. The commits of
// opening are that of the spine's OPEN, that of a log's, and that of the CHECKPOINT which lists the log.
func faultyOpen(t *testing.T, s audit.Store) {
	receipts := map[string]audit.Receipt{}
	n := 0
	open := func(shared audit.Store, logs int) (*audit.Ledger, error) {
		c := config(t, shared)
		c.Logs = logs
		return audit.Open(t.Context(), c)
	}
	for name, fate := range fates {
		for _, call := range []struct {
			op      string
			n       int
			retried bool
		}{{VerifierKey, 1, false}, {KeepVerifierKey, 1, false}, {Last, 1, false}, {Pages, 1, false}, {Commit, 1, true}, {Commit, 2, true}, {Commit, 3, true}} {
			var met atomic.Bool // deriving goes on meanwhile
			f := nth(call.op, call.n, Fault{Err: errFault, Fate: fate})
			shared := NewFaulty(s, func(op string, at int) Fault {
				fault := f(op, at)
				if fault.Err != nil {
					met.Store(true)
				}
				return fault
			})
			l, err := open(shared, n/8+1) // from time to time one log more
			switch {
			case met.Load() && call.retried && err != nil:
				t.Fatalf("%v, %s: Open: %v, want that it tries again", call, name, err)
			case met.Load() && !call.retried && !errors.Is(err, errFault):
				t.Errorf("%v, %s: Open: %v, want the fault", call, name, err)
			}
			if err != nil {
				if l, err = open(shared, n/8+1); err != nil {
					t.Fatalf("%v, %s: Open again: %v", call, name, err)
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

// faultyDerived loses, stores and delays what is derived from pages. No append notices, and nothing
// that Verify reads is wrong.
func faultyDerived(t *testing.T, s audit.Store) {
	var failed atomic.Int64
	shared := NewFaulty(s, func(op string, n int) Fault {
		if (op == PutBlobs || op == Blobs || op == BlobsAt) && n%3 != 0 {
			failed.Add(1)
			return Fault{Err: errFault, Fate: Fate(n % 3)}
		}
		return Fault{}
	})
	for i := range 3 {
		l := newLedger(t, shared, 1)
		mustAppend(t, l, batch(1000*i, 300)...)
		mustAppend(t, l, batch(1000*i+500, 256)...)
		mustBeWhole(t, s)
		closeLedger(t, l)
	}
	if failed.Load() == 0 {
		t.Error("no fault was met")
	}
	mustBeWhole(t, s)
}

// faultyVerify holds that a store that does not answer is never reported as whole, nor as broken.
func faultyVerify(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 1)
	mustAppend(t, l, batch(0, 300)...)
	data, _, err := l.Keep(t.Context())
	if err != nil {
		t.Fatalf("Keep: %v", err)
	}
	given, log := newKey(t, 1).Verifier(), audit.LogID(1)
	from := &audit.KeptFile{Name: "trusted", Data: data}
	for _, c := range []struct {
		op      string
		options audit.VerifyOptions
	}{
		{Survey, audit.VerifyOptions{}},
		{VerifierKey, audit.VerifyOptions{}},
		{Pages, audit.VerifyOptions{Key: &given}},
		{Pages, audit.VerifyOptions{Key: &given, From: from}},
		{Pages, audit.VerifyOptions{Key: &given, Log: &log}},
		{Last, audit.VerifyOptions{Key: &given, From: from}},
		{Blobs, audit.VerifyOptions{Key: &given}},
	} {
		for n := 1; ; n++ {
			met := false
			f := nth(c.op, n, Fault{Err: errFault})
			r, err := audit.Verify(t.Context(), NewFaulty(s, func(op string, at int) Fault {
				fault := f(op, at)
				met = met || fault.Err != nil
				return fault
			}), c.options)
			if !met {
				if n == 1 {
					t.Errorf("Verify never calls %s", c.op)
				}
				break
			}
			if !errors.Is(err, errFault) || len(r.Findings) > 0 {
				t.Errorf("call %d of %s fails: Verify: %v, %v; want the fault and no finding", n, c.op, r.Findings, err)
			}
		}
	}
	for n := 1; n <= 2; n++ {
		_, err = audit.Export(t.Context(), NewFaulty(s, nth(Pages, n, Fault{Err: errFault})), ledgerName, given, 1, 0, io.Discard)
		if !errors.Is(err, errFault) {
			t.Errorf("call %d of Pages fails: Export: %v, want the fault", n, err)
		}
	}
}

// faultyProofs holds that a store that does not answer makes no proof, and is not taken for one that
// is broken.
func faultyProofs(t *testing.T, s audit.Store) {
	mustAppend(t, newLedger(t, s, 1), batch(0, 300)...)
	var row *audit.RowError
	for _, op := range []string{Last, BlobsAt, Pages} {
		shared := NewFaulty(s, nth(op, 1, Fault{Err: errFault}))
		if proof, err := audit.ProveEntry(t.Context(), shared, 1, 270); !errors.Is(err, errFault) || errors.As(err, &row) {
			t.Errorf("%s fails: ProveEntry: %q, %v; want the fault", op, proof, err)
		}
		if _, err := audit.ProveEntry(t.Context(), shared, 1, 270); err != nil {
			t.Errorf("%s works again: ProveEntry: %v", op, err)
		}
	}
}

// faultyPrune returns a case in which the first Prune fails. Its PRUNE entry is durable by then, the
// ledger stays whole, and pruning again completes the work.
func faultyPrune(fate Fate) func(t *testing.T, s audit.Store) {
	return func(t *testing.T, s audit.Store) {
		l, _, clock := threeMonths(t, s)
		closeLedger(t, l)
		want := mustBeWhole(t, s)
		shared := NewFaulty(s, nth(Prune, 1, Fault{Err: errFault, Fate: fate}))
		l = newLedgerAt(t, shared, clock, 1)
		if _, err := l.Prune(t.Context(), shared, november, pruner); !errors.Is(err, errFault) {
			t.Errorf("Prune: %v, want the fault", err)
		}
		want[audit.Spine]++
		mustHaveSizes(t, s, want)
		for range 2 {
			if _, err := l.Prune(t.Context(), shared, november, pruner); err != nil {
				t.Fatalf("Prune again: %v", err)
			}
			mustBeWhole(t, s)
			if _, err := audit.Lines(t.Context(), s, 1, 0, 3); !errors.Is(err, audit.ErrNotFound) {
				t.Errorf("Lines of what was pruned: %v, want ErrNotFound", err)
			}
		}
		for _, p := range pagesOf(t, s, 1, 0)[1:] {
			if p.Time.Before(november) || p.Stub {
				t.Errorf("page %d is still there", p.Number)
			}
		}
		mustAppend(t, l, newEntry(5000))
		mustBeWhole(t, s)
	}
}
