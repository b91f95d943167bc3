package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/store"
)

// engine answers fetches when the test lets it.
type engine struct {
	mu    sync.Mutex
	sizes []int      // keys of each request
	let   chan error // one value lets one request end, in this way
}

func (e *engine) send(ctx context.Context, keys []string) []store.GetResult {
	e.mu.Lock()
	e.sizes = append(e.sizes, len(keys))
	e.mu.Unlock()
	var err error
	select {
	case err = <-e.let:
	case <-ctx.Done():
		err = ctx.Err()
	}
	results := make([]store.GetResult, len(keys))
	for i, key := range keys {
		results[i] = store.GetResult{Record: store.Record{ModifiedValue: key}, Err: err}
	}
	return results
}

// lookups is a gatherer of gets.
type lookups struct {
	gatherer[string, store.GetResult]
}

func newLookups(send func(context.Context, []string) []store.GetResult) *lookups {
	return &lookups{gatherer[string, store.GetResult]{most: maxKeys, eager: maxFlights, send: send, ended: func(ctx context.Context) store.GetResult {
		return store.GetResult{Err: ctx.Err()}
	}}}
}

// start starts n lookups and returns once each is under way or waits.
func (g *lookups) start(ctx context.Context, n int, key func(i int) string, got func(i int, r store.GetResult)) {
	for i := range n {
		go func() { got(i, g.ask(ctx, key(i))) }()
		synctest.Wait()
	}
}

func TestLookupsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := newLookups(e.send)
		const n = maxFlights + maxKeys + 30
		var results sync.Map
		g.start(t.Context(), n, func(i int) string { return fmt.Sprint(i) }, func(i int, r store.GetResult) { results.Store(i, r) })
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
		g := newLookups(e.send)
		close(e.let)
		for i := range 20 {
			go func() { g.ask(t.Context(), fmt.Sprint(i)) }()
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

// TestOneKeyIsAskedOnce: the reads of one key share it, and its answer.
func TestOneKeyIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &oneKey{let: make(chan struct{})}
		s := New(c, "records")
		answers := make(chan store.GetResult, maxFlights+9)
		for range cap(answers) {
			go func() { answers <- s.Get(t.Context(), []string{"k"})[0] }()
			synctest.Wait()
		}
		close(c.let)
		for range cap(answers) {
			if r := <-answers; r.Err != nil || r.Record.ModifiedValue != "k" {
				t.Errorf("a read of k: %v", r)
			}
		}
		if got := c.gets.Load(); got != maxFlights+1 {
			t.Errorf("%d requests, want %d", got, maxFlights+1)
		}
	})
}

// oneKey answers GetItem when the test lets it. A BatchGetItem would be a nil pointer.
type oneKey struct {
	API
	gets atomic.Int32
	let  chan struct{}
}

func (c *oneKey) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	c.gets.Add(1)
	<-c.let
	return &dynamodb.GetItemOutput{Item: itemOf(store.Record{ModifiedValue: "k"}, time.Now())}, nil
}

// TestFurtherRequestsAreFull: beside the eager ones a request begins only for as many questions as it can take, and
// nothing is left behind when it ends first.
func TestFurtherRequestsAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := newLookups(e.send)
		g.most, g.eager = 5, 1
		g.start(t.Context(), 9, func(i int) string { return fmt.Sprint(i) }, func(int, store.GetResult) {})
		if diff := cmp.Diff([]int{1, 5}, e.sizes); diff != "" {
			t.Errorf("keys of the requests (-want +got):\n%s", diff)
		}
		close(e.let)
		synctest.Wait()
		if diff := cmp.Diff([]int{1, 5, 3}, e.sizes); diff != "" || g.flights != 0 || len(g.waiting) != 0 {
			t.Errorf("%d flights and %d lookups are left; keys of the requests (-want +got):\n%s", g.flights, len(g.waiting), diff)
		}
	})
}

// TestLookupsBeginAfterTheirCall is what strong consistency needs: no lookup takes
// the answer of a request that was under way before it, even for the same key.
func TestLookupsBeginAfterTheirCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{let: make(chan error)}
		g := newLookups(e.send)
		stale := errors.New("the answer of before")
		early, late := make(chan error, maxFlights), make(chan error, 1)
		g.start(t.Context(), maxFlights, func(int) string { return "k" }, func(_ int, r store.GetResult) { early <- r.Err })
		g.start(t.Context(), 1, func(int) string { return "k" }, func(_ int, r store.GetResult) { late <- r.Err })
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
		g := newLookups(e.send)
		busy := make(chan error, maxFlights)
		g.start(t.Context(), maxFlights, func(int) string { return "busy" }, func(_ int, r store.GetResult) { busy <- r.Err })
		shared := func() (context.CancelFunc, chan error) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			g.start(ctx, 1, func(int) string { return "k" }, func(_ int, r store.GetResult) { done <- r.Err })
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
