package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

var errFault = errors.New("injected")

func record(key, value string) store.Record {
	return store.Record{ModifiedValue: key, Original: store.NewOriginal(value), ObservedAt: time.Unix(1, 0).UTC()}
}

// writes is what changes a store: each finds a record at "k" and leaves something else there.
var writes = map[string]func(ctx context.Context, s store.Store) []error{
	storetest.Put: func(ctx context.Context, s store.Store) (errs []error) {
		for _, r := range s.Put(ctx, []store.Record{record("k", "new"), record("l", "new")}) {
			errs = append(errs, r.Err)
		}
		return errs
	},
	storetest.Erase: func(ctx context.Context, s store.Store) (errs []error) {
		for _, r := range s.Erase(ctx, []string{"k", "l"}, time.Unix(2, 0)) {
			errs = append(errs, r.Err)
		}
		return errs
	},
}

var reads = map[string]func(ctx context.Context, s store.Store) []error{
	storetest.Get: func(ctx context.Context, s store.Store) (errs []error) {
		for _, r := range s.Get(ctx, []string{"k", "k"}) {
			if r.Err != nil && r.Record != (store.Record{}) {
				errs = append(errs, errors.New("a record beside an error"))
			}
			errs = append(errs, r.Err)
		}
		return errs
	},
	storetest.Ready: func(ctx context.Context, s store.Store) []error { return []error{s.Ready(ctx)} },
}

// TestFaulty has every method fail in every way, and looks at what is stored then.
func TestFaulty(t *testing.T) {
	for _, methods := range []map[string]func(context.Context, store.Store) []error{writes, reads} {
		for op, do := range methods {
			for _, fault := range []storetest.Fault{
				{Err: errFault}, {Err: errFault, Apply: true}, {Hang: true}, {Hang: true, Apply: true},
				{Hang: true, Err: errFault},
			} {
				t.Run(fmt.Sprintf("%s %+v", op, fault), func(t *testing.T) { faultyCall(t, op, do, fault) })
			}
		}
	}
}

func faultyCall(t *testing.T, op string, do func(context.Context, store.Store) []error, fault storetest.Fault) {
	mem := store.NewMem()
	mem.Put(t.Context(), []store.Record{record("k", "old")})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	want := errFault
	if fault.Err == nil {
		want = context.Canceled
	}
	s := storetest.NewFaulty(mem, func(got string, n int) storetest.Fault {
		if got != op || n > 2 {
			t.Errorf("asked about %s %d", got, n)
		}
		if n == 2 {
			return storetest.Fault{}
		}
		if fault.Hang {
			cancel()
		}
		return fault
	})
	for i, err := range do(ctx, s) {
		if !errors.Is(err, want) {
			t.Errorf("result %d: %v, want %v", i, err, want)
		}
	}
	got := mem.Get(t.Context(), []string{"k"})[0]
	changed := got.Err != nil || !got.Record.Original.Equal(store.NewOriginal("old"))
	if _, writing := writes[op]; changed != (fault.Apply && writing) {
		t.Errorf("changed: %t, applied: %t", changed, fault.Apply)
	}
	for i, err := range do(t.Context(), s) {
		if err != nil {
			t.Errorf("the second call, result %d: %v", i, err)
		}
	}
}

// TestFaultlessIsAStore holds that the wrapper itself changes nothing.
func TestFaultlessIsAStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store {
		return storetest.NewFaulty(store.NewMem(), func(string, int) storetest.Fault { return storetest.Fault{} })
	})
}
