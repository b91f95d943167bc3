package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/server/store"
)

const workers = 16

// together runs a function side by side, all starting at once.
func together(run func(worker int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for w := range workers {
		wg.Go(func() {
			<-start
			run(w)
		})
	}
	close(start)
	wg.Wait()
}

// testConcurrentPuts puts one key from many sides. Were a put not atomic, two would
// find nothing there, or an older one would end on top.
func testConcurrentPuts(f *fixture) {
	for round := range 4 {
		name := fmt.Sprint(round)
		var stored atomic.Int32
		together(func(w int) {
			n := (w*7 + round) % workers
			r := f.s.Put(f.Context(), []store.Record{f.record(name, n, fmt.Sprint(n))})[0]
			if r.Err != nil {
				f.Errorf("Put: %v", r.Err)
			}
			if r.Outcome == store.Stored {
				stored.Add(1)
			}
		})
		if got := stored.Load(); got != 1 {
			f.Errorf("%d puts say that nothing was there before, want 1", got)
		}
		f.want(f.record(name, workers-1, fmt.Sprint(workers-1)))
	}
}

func testConcurrentErasures(f *fixture) {
	for round := range 4 {
		r := f.record(fmt.Sprint(round), 1, "value")
		f.put(store.Stored, r)
		var erased atomic.Int32
		together(func(w int) {
			got := f.s.Erase(f.Context(), []string{r.ModifiedValue}, at(10+w))[0]
			if got.Err != nil {
				f.Errorf("Erase: %v", got.Err)
			}
			if got.Erased {
				erased.Add(1)
			}
		})
		if got := erased.Load(); got != 1 {
			f.Errorf("%d erasures say that they removed the record, want 1", got)
		}
		r.ObservedAt = at(10 + workers - 1)
		f.put(store.Superseded, r)
		f.wantNothing(r.ModifiedValue)
	}
}

// testReadYourWrites has every worker read its own key and one that all share: no
// read may show less than a put that returned before it began.
func testReadYourWrites(f *fixture) {
	shared := f.key("shared")
	var floor atomic.Int64
	together(func(w int) {
		own := fmt.Sprint("own ", w)
		for n := range 10 {
			seen := n*workers + w
			puts := []store.Record{f.record(own, seen, fmt.Sprint(seen)), f.record("shared", seen, fmt.Sprint(seen))}
			for _, r := range f.s.Put(f.Context(), puts) {
				if r.Err != nil {
					f.Errorf("Put: %v", r.Err)
				}
			}
			for old := floor.Load(); int64(seen) > old && !floor.CompareAndSwap(old, int64(seen)); old = floor.Load() {
				continue
			}
			least := at(int(floor.Load()))
			alone := f.s.Get(f.Context(), []string{puts[0].ModifiedValue})[0]
			if alone.Err != nil || !cmp.Equal(puts[0], alone.Record) {
				f.Errorf("Get of a worker's own key: %v, or an older record", alone.Err)
			}
			if got := f.s.Get(f.Context(), []string{shared})[0]; got.Err != nil || got.Record.ObservedAt.Before(least) {
				f.Errorf("Get of the shared key: %v, seen %v, want %v or later", got.Err, got.Record.ObservedAt, least)
			}
		}
	})
}

// testAgreesWithMem does the same random things to the Store and to a Mem. Every
// answer must be the same.
func testAgreesWithMem(f *fixture) {
	for seed := range uint64(12) {
		f.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			g := newFixture(t, f.s)
			agree(g, store.NewMem(), rand.New(rand.NewPCG(seed, 0))) //nolint:gosec // a test wants the same numbers again
		})
	}
}

func agree(f *fixture, mem *store.Mem, random *rand.Rand) {
	name := func() string { return strings.Repeat("k", 1+random.IntN(3)) }
	for step := range 20 {
		var records []store.Record
		var keys []string
		for range 1 + random.IntN(6) {
			records = append(records, f.record(name(), random.IntN(12), fmt.Sprint(random.IntN(3))))
			keys = append(keys, f.key(name()))
		}
		var want, got any
		switch random.IntN(3) {
		case 0:
			want, got = mem.Erase(f.Context(), keys, at(step)), f.s.Erase(f.Context(), keys, at(step))
		default:
			want, got = mem.Put(f.Context(), records), f.s.Put(f.Context(), records)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.Fatalf("step %d (-Mem +Store):\n%s", step, diff)
		}
		if diff := cmp.Diff(mem.Get(f.Context(), keys), f.s.Get(f.Context(), keys), cmpopts.EquateErrors()); diff != "" {
			f.Fatalf("step %d, reading (-Mem +Store):\n%s", step, diff)
		}
	}
}
