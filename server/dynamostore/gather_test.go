package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/store"
)

// engine answers fetches when the test lets it.
type engine struct {
	mu    sync.Mutex
	sizes []int      // keys of each request
	let   chan error // one value lets one request end, in this way
}

func (e *engine) fetch(ctx context.Context, keys []string) map[string]store.GetResult {
	e.mu.Lock()
	e.sizes = append(e.sizes, len(keys))
	e.mu.Unlock()
	var err error
	select {
	case err = <-e.let:
	case <-ctx.Done():
		err = ctx.Err()
	}
	results := map[string]store.GetResult{}
	for _, key := range keys {
		results[key] = store.GetResult{Record: store.Record{ModifiedValue: key}, Err: err}
	}
	return results
}

// lookups starts n lookups and returns once each is under way or waits.
func (g *gatherer) lookups(ctx context.Context, n int, key func(i int) string, got func(i int, r store.GetResult)) {
	for i := range n {
		go func() { got(i, g.get(ctx, key(i))) }()
		synctest.Wait()
	}
}

func TestLookupsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := &gatherer{fetch: e.fetch}
		const n = maxFlights + maxKeys + 30
		var results sync.Map
		g.lookups(t.Context(), n, func(i int) string { return fmt.Sprint(i) }, func(i int, r store.GetResult) { results.Store(i, r) })
		close(e.let)
		synctest.Wait()
		for i := range n {
			got, _ := results.Load(i)
			if diff := cmp.Diff(store.GetResult{Record: store.Record{ModifiedValue: fmt.Sprint(i)}}, got); diff != "" {
				t.Fatalf("lookup %d (-want +got):\n%s", i, diff)
			}
		}
		slices.Sort(e.sizes)
		if diff := cmp.Diff([]int{1, 1, 1, 1, 30, maxKeys}, e.sizes); diff != "" {
			t.Errorf("keys of the requests (-want +got):\n%s", diff)
		}
		if g.flights != 0 || len(g.waiting) != 0 {
			t.Errorf("%d flights and %d lookups are left", g.flights, len(g.waiting))
		}
	})
}

// TestLookupsOfOneMoment holds that callers who are ready to run share a request, though more could be under
// way: the callers whom one page answers ask again at one moment.
func TestLookupsOfOneMoment(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := &gatherer{fetch: e.fetch}
		close(e.let)
		for i := range 20 {
			go func() { g.get(t.Context(), fmt.Sprint(i)) }()
		}
		synctest.Wait()
		asked := 0
		for _, n := range e.sizes {
			asked += n
		}
		if asked != 20 || len(e.sizes) > 2 || g.flights != 0 {
			t.Errorf("20 lookups made requests of %v keys, and left %d flights", e.sizes, g.flights)
		}
	})
}

func TestOneKeyIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := &gatherer{fetch: e.fetch}
		answers := make(chan store.GetResult, maxFlights+9)
		g.lookups(t.Context(), cap(answers), func(int) string { return "k" }, func(_ int, r store.GetResult) { answers <- r })
		close(e.let)
		for range cap(answers) {
			if r := <-answers; r.Err != nil || r.Record.ModifiedValue != "k" {
				t.Errorf("a lookup of k: %v", r)
			}
		}
		if diff := cmp.Diff([]int{1, 1, 1, 1, 1}, e.sizes); diff != "" {
			t.Errorf("keys of the requests (-want +got):\n%s", diff)
		}
	})
}

// TestLookupsBeginAfterTheirCall is what strong consistency needs: no lookup takes
// the answer of a request that was under way before it, even for the same key.
func TestLookupsBeginAfterTheirCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := &gatherer{fetch: e.fetch}
		stale := errors.New("the answer of before")
		early, late := make(chan error, maxFlights), make(chan error, 1)
		g.lookups(t.Context(), maxFlights, func(int) string { return "k" }, func(_ int, r store.GetResult) { early <- r.Err })
		g.lookups(t.Context(), 1, func(int) string { return "k" }, func(_ int, r store.GetResult) { late <- r.Err })
		for range maxFlights {
			e.let <- stale
			synctest.Wait()
		}
		e.let <- nil
		if err := <-late; err != nil {
			t.Errorf("the late lookup: %v", err)
		}
		for range maxFlights {
			if err := <-early; !errors.Is(err, stale) && err != nil {
				t.Errorf("an early lookup: %v", err)
			}
		}
	})
}

// TestGivingUp has callers of one request give up one after the other.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := &gatherer{fetch: e.fetch}
		busy := make(chan error, maxFlights)
		g.lookups(t.Context(), maxFlights, func(int) string { return "busy" }, func(_ int, r store.GetResult) { busy <- r.Err })
		shared := func() (context.CancelFunc, chan error) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			g.lookups(ctx, 1, func(int) string { return "k" }, func(_ int, r store.GetResult) { done <- r.Err })
			return cancel, done
		}
		cancelFirst, first := shared()
		cancelSecond, second := shared()
		e.let <- nil // one flight lands, and takes both
		<-busy

		cancelFirst()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first, canceled: %v", err)
		}
		synctest.Wait()
		if g.flights != maxFlights {
			t.Errorf("%d flights after one of two callers gave up, want %d", g.flights, maxFlights)
		}
		cancelSecond()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("the second, canceled: %v", err)
		}
		synctest.Wait()
		if g.flights != maxFlights-1 {
			t.Errorf("%d flights after both gave up, want %d: the request goes on for nobody", g.flights, maxFlights-1)
		}
		for range maxFlights - 1 {
			e.let <- nil
			<-busy
		}
	})
}
