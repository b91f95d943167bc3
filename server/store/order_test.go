package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/server/store"
)

// at is the n-th instant of these tests.
func at(n int) time.Time { return time.Unix(1_700_000_000, int64(n)).UTC() }

func TestDecide(t *testing.T) {
	live := store.Standing{Live: true, Original: store.NewOriginal("a"), ObservedAt: at(5)}
	erased := store.Standing{Erased: true, ErasedAt: at(5)}
	fast := store.Standing{Erased: true, ErasedAt: at(5), ObservedAt: at(8)}
	old := store.Standing{Live: true, Original: store.NewOriginal("a")}
	for name, tc := range map[string]struct {
		there store.Standing
		put   int
		value string
		want  store.PutOutcome
		write bool
	}{
		"nothing there":                   {store.Standing{}, 1, "a", store.Stored, true},
		"newer":                           {live, 6, "b", store.Replaced, true},
		"newer, same value":               {live, 6, "a", store.Replaced, true},
		"same time, other value":          {live, 5, "b", store.Replaced, true},
		"itself again":                    {live, 5, "a", store.Replaced, false},
		"late":                            {live, 4, "b", store.Superseded, false},
		"late, same value":                {live, 4, "a", store.Superseded, false},
		"over a record without a time":    {old, 1, "a", store.Replaced, true},
		"after the erasure":               {erased, 6, "a", store.Stored, true},
		"at the erasure":                  {erased, 5, "a", store.Superseded, false},
		"before the erasure":              {erased, 4, "a", store.Superseded, false},
		"after the erasure, not its past": {fast, 7, "a", store.Superseded, false},
		"what was erased, again":          {fast, 8, "a", store.Superseded, false},
		"after all of it":                 {fast, 9, "a", store.Stored, true},
	} {
		r := store.Record{ModifiedValue: "k", Original: store.NewOriginal(tc.value), ObservedAt: at(tc.put)}
		if got, write := tc.there.Decide(r); got != tc.want || write != tc.write {
			t.Errorf("%s: Decide = %v, %v; want %v, %v", name, got, write, tc.want, tc.write)
		}
	}
}

// op is a put of the value seen at an instant, or an erasure at it.
type op struct {
	erase bool
	at    int
}

func apply(s *store.Mem, t *rapid.T, ops []op) {
	for _, o := range ops {
		var err error
		if o.erase {
			err = s.Erase(t.Context(), []string{"k"}, at(o.at))[0].Err
		} else {
			r := store.Record{ModifiedValue: "k", Original: store.NewOriginal(fmt.Sprint(o.at)), ObservedAt: at(o.at)}
			err = s.Put(t.Context(), []store.Record{r})[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func final(s *store.Mem, t *rapid.T) string {
	got := s.Get(t.Context(), []string{"k"})[0]
	if errors.Is(got.Err, store.ErrNotFound) {
		return "nothing"
	}
	return got.Record.Original.Reveal()
}

// newTestOps draws puts and erasures of distinct times, some of them delivered
// again, in any order.
func newTestOps(t *rapid.T) []op {
	times := rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 1, 12, rapid.ID[int]).Draw(t, "times")
	var ops []op
	for _, n := range times {
		o := op{erase: rapid.IntRange(0, 3).Draw(t, "kind") == 0, at: n}
		for range rapid.IntRange(1, 3).Draw(t, "deliveries") {
			ops = append(ops, o)
		}
	}
	return rapid.Permutation(ops).Draw(t, "order")
}

// model tells the end from the whole history at once: what was seen last stands if
// it was seen after every erasure, and was not there yet for the last of them to remove.
func model(ops []op) string {
	newest, erased, first, last := -1, -1, -1, -1
	for i, o := range ops {
		switch {
		case o.erase:
			erased, last = max(erased, o.at), i
		case o.at > newest:
			newest, first = o.at, i
		}
	}
	if newest > erased && first > last {
		return fmt.Sprint(newest)
	}
	return "nothing"
}

func TestLastSeenWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, ops := store.NewMem(), newTestOps(t)
		apply(s, t, ops)
		if diff := cmp.Diff(model(ops), final(s, t)); diff != "" {
			t.Fatalf("after %+v (-want +got):\n%s", ops, diff)
		}
	})
}

// TestAnyOrderEndsTheSame holds the promise of the package's doc where no clock is
// fast: an erasure arrives before anything that was seen after it.
func TestAnyOrderEndsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := newTestOps(t)
		last := -1
		for _, o := range ops {
			if o.erase {
				last = max(last, o.at)
			}
		}
		later := slices.Clone(ops)
		sortLater := func(o op) int {
			if !o.erase && o.at > last {
				return 1
			}
			return 0
		}
		slices.SortStableFunc(ops, func(a, b op) int { return sortLater(a) - sortLater(b) })
		slices.SortFunc(later, func(a, b op) int { return a.at - b.at })
		one, two := store.NewMem(), store.NewMem()
		apply(one, t, ops)
		apply(two, t, later)
		if diff := cmp.Diff(final(two, t), final(one, t)); diff != "" {
			t.Fatalf("in order of time, and as %+v (-want +got):\n%s", ops, diff)
		}
	})
}
