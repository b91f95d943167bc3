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

// lease holds that a log belongs to one holder until its time is over.
func lease(t *testing.T, s audit.Store) {
	leases := leasesOf(t, s)
	start := time.Date(2026, time.February, 3, 4, 5, 6, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for i, c := range []struct {
		log        audit.LogID
		holder     string
		now, until int
		want       bool
	}{
		{1, "a", 0, 10, true},
		{1, "b", 9, 19, false},
		{2, "b", 9, 19, true},
		{1, "a", 9, 15, true},   // renewed
		{1, "b", 12, 22, false}, // a still holds it
		{1, "b", 15, 25, true},  // a's time is over
		{1, "a", 16, 26, false},
		{1, "b", 17, 17, true}, // given back
		{1, "a", 17, 27, true},
	} {
		got, err := leases.Lease(t.Context(), c.log, c.holder, at(c.now), at(c.until))
		if err != nil || got != c.want {
			t.Errorf("step %d: Lease: %t, %v; want %t", i, got, err, c.want)
		}
	}
	newLedger(t, s, 1)
	mustHaveSizes(t, s, sizes{0: 2, 1: 1})
}

// faultyLease loses replies of leases. A lease that was given all the same belongs to nobody who
// knows of it, so the next Ledger takes another log, and nothing is lost but speed.
func faultyLease(t *testing.T, s audit.Store) {
	leases := leasesOf(t, s)
	failing := func(f Fault) audit.Config {
		c := config(t, s)
		c.Leases = NewFaultyLeases(leases, nth(Lease, 1, f))
		return c
	}
	receipts := map[string]audit.Receipt{}
	for i, want := range []struct {
		fault Fault
		log   audit.LogID
	}{{Fault{Err: errFault, Fate: Lost}, 1}, {Fault{Err: errFault, Fate: Stored}, 2}} {
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
