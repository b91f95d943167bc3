package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/store"
)

func testEmptyBatch(f *fixture) {
	if n := len(f.s.Put(f.Context(), nil)) + len(f.s.Get(f.Context(), nil)) + len(f.s.Erase(f.Context(), nil, at(1))); n != 0 {
		f.Errorf("%d results for no items", n)
	}
}

// testRepeatedKeys puts and erases keys several times in one call, between others.
func testRepeatedKeys(f *fixture) {
	got := f.s.Put(f.Context(), []store.Record{
		f.record("a", 1, "one"), f.record("b", 5, "b"), f.record("a", 3, "three"),
		f.record("a", 2, "two"), f.record("b", 5, "b"), f.record("a", 3, "again"),
	})
	want := []store.PutResult{
		{Outcome: store.Stored}, {Outcome: store.Stored}, {Outcome: store.Replaced},
		{Outcome: store.Superseded}, {Outcome: store.Replaced}, {Outcome: store.Replaced},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Fatalf("Put (-want +got):\n%s", diff)
	}
	a, b := f.record("a", 3, "again"), f.record("b", 5, "b")
	f.want(a, b, a, a, b)

	erased := f.s.Erase(f.Context(), []string{a.ModifiedValue, f.key("c"), a.ModifiedValue, b.ModifiedValue, a.ModifiedValue}, at(6))
	wantErased := []store.EraseResult{{Erased: true}, {}, {}, {Erased: true}, {}}
	if diff := cmp.Diff(wantErased, erased); diff != "" {
		f.Fatalf("Erase (-want +got):\n%s", diff)
	}
	f.wantNothing(a.ModifiedValue, b.ModifiedValue, f.key("c"), a.ModifiedValue)
}

func testFullBatch(f *fixture) {
	records := make([]store.Record, store.MaxBatch)
	keys := make([]string, store.MaxBatch)
	for i := range records {
		records[i] = f.record(fmt.Sprint(i), i, fmt.Sprint("value ", i))
		keys[i] = records[i].ModifiedValue
	}
	f.put(store.Stored, records...)
	slices.Reverse(keys)
	for i, got := range f.get(keys...) {
		f.wantResult(records[len(records)-1-i], got)
	}
	for i := range keys[:250] {
		keys[2*i] = f.key("missing")
	}
	for i, got := range f.get(keys...) {
		if i%2 == 1 {
			f.wantResult(records[len(records)-1-i], got)
		} else if !errors.Is(got.Err, store.ErrNotFound) {
			f.Fatalf("Get of key %d: %v, want ErrNotFound", i, got.Err)
		}
	}
	for i, r := range records {
		keys[i] = r.ModifiedValue
	}
	f.erase(true, store.MaxBatch, keys...)
	f.wantNothing(keys...)
}

func testOverfullBatch(f *fixture) {
	for name, call := range map[string]func(n int){
		"Put":   func(n int) { f.s.Put(f.Context(), make([]store.Record, n)) },
		"Get":   func(n int) { f.s.Get(f.Context(), make([]string, n)) },
		"Erase": func(n int) { f.s.Erase(f.Context(), make([]string, n), at(1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					f.Errorf("%s of more than MaxBatch items does not panic", name)
				}
			}()
			call(store.MaxBatch + 1)
		}()
	}
}

func testDoneContext(f *fixture) {
	there := f.record("there", 1, "value")
	f.put(store.Stored, there)
	canceled, cancel := context.WithCancel(f.Context())
	cancel()
	late, cancel := context.WithDeadline(f.Context(), time.Unix(0, 0))
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: late} {
		var errs []error
		for _, r := range f.s.Put(ctx, []store.Record{f.record("there", 2, "b"), f.record("new", 2, "b"), f.record("new", 3, "b")}) {
			errs = append(errs, r.Err)
		}
		for _, r := range f.getCtx(ctx, there.ModifiedValue, f.key("new"), there.ModifiedValue) {
			errs = append(errs, r.Err)
		}
		for _, r := range f.getCtx(ctx, there.ModifiedValue) {
			errs = append(errs, r.Err)
		}
		for _, r := range f.s.Erase(ctx, []string{there.ModifiedValue, f.key("new")}, at(9)) {
			errs = append(errs, r.Err)
		}
		if len(errs) != 9 {
			f.Errorf("%d results, want 9", len(errs))
		}
		for i, err := range errs {
			if !errors.Is(err, want) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnavailable) {
				f.Errorf("result %d: %v, want %v", i, err, want)
			}
		}
	}
	f.want(there)
	f.wantNothing(f.key("new"))
}
