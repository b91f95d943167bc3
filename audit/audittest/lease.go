package audittest

import (
	"errors"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// leasesOf returns the store as leases. It fails the test if the driver was to have leases and has
// none.
func leasesOf(t *testing.T, s audit.Store) audit.Leases {
	t.Helper()
	leases, has := s.(audit.Leases)
	if !has {
		t.Fatalf("%T is no audit.Leases, though Driver.Leases says that it has leases", s)
	}
	return leases
}

// noLeases holds that a driver without leases has none. Otherwise nobody would test them.
func noLeases(t *testing.T, s audit.Store) {
	if _, has := s.(audit.Leases); has {
		t.Errorf("%T is an audit.Leases, though Driver.Leases says that it has no leases", s)
	}
}

// lease holds that a series belongs to one holder until its time is over.
func lease(t *testing.T, s audit.Store) {
	leases := leasesOf(t, s)
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
		{"piinguin-1", "b", 12, 22, false}, // a still holds it
		{"piinguin-1", "b", 15, 25, true},  // a's time is over
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

// faultyLease loses replies of leases. A lease that was given all the same belongs to nobody who
// knows of it, so the next Ledger takes another series, and nothing is lost but speed.
func faultyLease(t *testing.T, s audit.Store) {
	leases := leasesOf(t, s)
	failing := func(f Fault) audit.Config {
		return audit.Config{
			Store: s, Key: newKey(t, 1), AppendTimeout: patience, Now: newClock(1),
			Leases: NewFaultyLeases(leases, func(_ string, n int) Fault {
				if n == 1 {
					return f
				}
				return Fault{}
			}),
		}
	}
	receipts := map[string]audit.Receipt{}
	for i, want := range []struct {
		fault Fault
		log   string
	}{{Fault{Err: errFault, Fate: Lost}, "piinguin-1"}, {Fault{Err: errFault, Fate: Stored}, "piinguin-2"}} {
		c := failing(want.fault)
		if _, err := audit.Open(t.Context(), c); !errors.Is(err, errFault) {
			t.Errorf("Open: %v, want the fault", err)
		}
		l, err := audit.Open(t.Context(), c) // by the same leases, whose first call has failed
		if err != nil {
			t.Fatalf("Open again: %v", err)
		}
		e := newEntry(i)
		r := mustAppend(t, l, e)[0]
		receipts[e.RequestID] = r
		if r.Log != want.log {
			t.Errorf("fault %d: the entry is in %s, want %s", i, r.Log, want.log)
		}
		closeLedger(t, l)
	}
	mustHoldOnce(t, s, receipts)
}
