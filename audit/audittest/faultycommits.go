package audittest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

var errFault = errors.New("audittest: injected fault")

var fates = map[string]Fate{"lost": Lost, "stored": Stored, "late": Late}

// sometimes fails about half of the commits and a third of the readings of pages, by chance, once
// open is true.
func sometimes(seed uint64, open *atomic.Bool) func(string, int) Fault {
	rnd := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same faults each time
	return func(op string, _ int) Fault {
		switch {
		case !open.Load():
		case op == Commit && rnd.IntN(2) == 0:
			return Fault{Err: errFault, Fate: Fate(rnd.IntN(3))}
		case op == Pages && rnd.IntN(3) == 0:
			return Fault{Err: errFault}
		}
		return Fault{}
	}
}

// faultyCommits lets one ledger write while calls fail by chance.
func faultyCommits(t *testing.T, s audit.Store) {
	var open atomic.Bool
	l := newLedger(t, NewFaulty(s, sometimes(1, &open)), 2)
	open.Store(true)
	receipts := appendConcurrently(t, 8, 6, l)
	open.Store(false)
	mustHoldOnce(t, s, receipts)
}

// faultyLedgersShareALog lets two ledgers write one log while calls fail by chance.
func faultyLedgersShareALog(t *testing.T, s audit.Store) {
	var open atomic.Bool
	shared := NewFaulty(s, sometimes(2, &open))
	ledgers := []*audit.Ledger{newLedger(t, shared, 1), newLedger(t, shared, 1)}
	open.Store(true)
	receipts := appendConcurrently(t, 8, 5, ledgers...)
	open.Store(false)
	mustHoldOnce(t, s, receipts)
}

// faultyAlone injects one fault at a time, and verifies after each append. The page is read back at
// once, or only after that has failed too.
func faultyAlone(t *testing.T, s audit.Store) {
	var next, reading atomic.Pointer[Fault]
	l := newLedger(t, NewFaulty(s, func(op string, _ int) Fault {
		from := map[string]*atomic.Pointer[Fault]{Commit: &next, Pages: &reading}[op]
		if from == nil {
			return Fault{}
		}
		if f := from.Swap(nil); f != nil {
			return *f
		}
		return Fault{}
	}), 1)
	receipts := map[string]audit.Receipt{}
	n := 0
	for name, fate := range fates {
		for _, read := range []*Fault{nil, {Err: errFault}} {
			next.Store(&Fault{Err: errFault, Fate: fate})
			reading.Store(read)
			e := newEntry(n)
			n++
			receipts[e.RequestID] = mustAppend(t, l, e)[0]
			if next.Load() != nil || reading.Load() != nil {
				t.Errorf("%s: the fault was not met", name)
			}
			mustHoldOnce(t, s, receipts)
		}
	}
}

// faultyGivenUp lets the caller give up, and the server stop, while the outcome of a commit is
// unknown. The next server finds the entry, or does not find it, or it comes late.
func faultyGivenUp(t *testing.T, s audit.Store) {
	receipts := map[string]audit.Receipt{}
	var doubtful []string
	n := 0
	for name, fate := range fates {
		ctx, cancel := context.WithCancel(t.Context())
		var down atomic.Bool
		shared := NewFaulty(s, func(op string, _ int) Fault {
			if !down.Load() {
				return Fault{}
			}
			cancel() // the caller gives up once the commit has begun
			return Fault{Err: errFault, Fate: fate}
		})
		l, err := audit.Open(t.Context(), config(t, shared))
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		down.Store(true)
		if _, err := l.Append(ctx, newEntry(n)); !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: append given up: %v, want ErrUnavailable and the context's error", name, err)
		}
		doubtful = append(doubtful, fmt.Sprintf("r-%d", n))
		if err := l.Close(ctx); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("%s: Close: %v, want ErrUnavailable", name, err)
		}
		down.Store(false)
		successor := newLedger(t, shared, 1)
		for i := n + 1; i < n+4; i++ {
			receipts[fmt.Sprintf("r-%d", i)] = mustAppend(t, successor, newEntry(i))[0]
			mustHoldOnce(t, s, receipts, doubtful...)
		}
		n += 10
	}
}
