// Package storetest is the conformance suite of store.Store: a case for each
// sentence of its contract. Every driver runs it, on its real engine.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/store"
)

// Run tests the Store that open returns. Each case has keys of its own, so open may
// return the same Store every time.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*fixture){
		"miss":                         testMiss,
		"ready":                        testReady,
		"record comes back whole":      testRoundTrip,
		"values":                       testValues,
		"times":                        testTimes,
		"last seen wins":               testLastSeenWins,
		"late":                         testLate,
		"equal times":                  testEqualTimes,
		"put again":                    testPutAgain,
		"source goes with its record":  testSourceReplaced,
		"erase":                        testErase,
		"erase what is not there":      testEraseNothing,
		"tombstone":                    testTombstone,
		"tombstone's time":             testTombstoneTime,
		"erased from a fast clock":     testFastClock,
		"erased, stored, erased":       testEraseTwice,
		"empty batch":                  testEmptyBatch,
		"repeated keys":                testRepeatedKeys,
		"full batch":                   testFullBatch,
		"over-full batch":              testOverfullBatch,
		"done context":                 testDoneContext,
		"concurrent puts of a key":     testConcurrentPuts,
		"concurrent erasures of a key": testConcurrentErasures,
		"reads see finished writes":    testReadYourWrites,
		"agrees with Mem":              testAgreesWithMem,
		"linearizable":                 testLinearizable,
	} {
		t.Run(name, func(t *testing.T) { test(newFixture(t, open(t))) })
	}
}

// RunDurable tests that what was put and erased is there when the engine is opened
// again. Reopen closes what open returned and opens it anew.
func RunDurable(t *testing.T, open func(t *testing.T) (s store.Store, reopen func() store.Store)) {
	s, reopen := open(t)
	f := newFixture(t, s)
	live, gone := f.record("live", 5, "value"), f.record("gone", 5, "value")
	f.put(store.Stored, live, gone)
	f.erase(true, 6, gone.ModifiedValue)

	f.s = reopen()
	f.want(live)
	f.wantNothing(gone.ModifiedValue)
	gone.ObservedAt = at(6)
	f.put(store.Superseded, gone)
	gone.ObservedAt = at(7)
	f.put(store.Stored, gone)
}

// fixture is a Store with keys that no other case uses.
type fixture struct {
	*testing.T
	s      store.Store
	prefix string
}

func newFixture(t *testing.T, s store.Store) *fixture {
	return &fixture{t, s, rand.Text() + "/"}
}

// at returns the n-th nanosecond of the suite's own time.
func at(n int) time.Time { return time.Date(2026, 2, 3, 4, 5, 6, n, time.UTC) }

func (f *fixture) key(name string) string { return f.prefix + name }

func (f *fixture) record(name string, n int, value string) store.Record {
	return store.Record{ModifiedValue: f.key(name), Original: store.NewOriginal(value), ObservedAt: at(n)}
}

// put puts records and wants one outcome for each.
func (f *fixture) put(want store.PutOutcome, records ...store.Record) {
	f.Helper()
	got := f.s.Put(f.Context(), records)
	if len(got) != len(records) {
		f.Fatalf("Put of %d records returned %d results", len(records), len(got))
	}
	for i, r := range got {
		if r.Err != nil || r.Outcome != want {
			f.Fatalf("Put of record %d = %v, %v; want %v", i, r.Outcome, r.Err, want)
		}
	}
}

// erase erases keys and wants one answer for each.
func (f *fixture) erase(want bool, n int, keys ...string) {
	f.Helper()
	got := f.s.Erase(f.Context(), keys, at(n))
	if len(got) != len(keys) {
		f.Fatalf("Erase of %d keys returned %d results", len(keys), len(got))
	}
	for i, r := range got {
		if r.Err != nil || r.Erased != want {
			f.Fatalf("Erase of key %d = %v, %v; want %v", i, r.Erased, r.Err, want)
		}
	}
}

func (f *fixture) get(keys ...string) []store.GetResult { return f.getCtx(f.Context(), keys...) }

func (f *fixture) getCtx(ctx context.Context, keys ...string) []store.GetResult {
	f.Helper()
	got := f.s.Get(ctx, keys)
	if len(got) != len(keys) {
		f.Fatalf("Get of %d keys returned %d results", len(keys), len(got))
	}
	return got
}

// want wants records to be there, read one by one and all at once.
func (f *fixture) want(records ...store.Record) {
	f.Helper()
	var keys []string
	for _, r := range records {
		keys = append(keys, r.ModifiedValue)
		f.wantResult(r, f.get(r.ModifiedValue)[0])
	}
	for i, got := range f.get(keys...) {
		f.wantResult(records[i], got)
	}
}

func (f *fixture) wantResult(want store.Record, got store.GetResult) {
	f.Helper()
	if got.Err != nil {
		f.Fatalf("Get: %v", got.Err)
	}
	if diff := cmp.Diff(want, got.Record); diff != "" {
		f.Fatalf("Get (-want +got):\n%s", diff)
	}
	if got.Record.ObservedAt.Location() != time.UTC {
		f.Fatalf("ObservedAt came back in zone %s, want UTC", got.Record.ObservedAt.Location())
	}
}

// wantNothing wants keys to be misses, with nothing in the record.
func (f *fixture) wantNothing(keys ...string) {
	f.Helper()
	for i, got := range append(f.get(keys...), f.get(keys[0])...) {
		if !errors.Is(got.Err, store.ErrNotFound) || errors.Is(got.Err, store.ErrUnavailable) {
			f.Fatalf("Get of key %d: %v, want ErrNotFound", i, got.Err)
		}
		if !cmp.Equal(got.Record, store.Record{}) {
			f.Fatalf("Get of key %d: ErrNotFound, yet something in the record", i)
		}
	}
}
