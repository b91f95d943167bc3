package dynamostore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/piinguin/piinguin/server/store"
)

// maxFlights bounds the requests for single keys that run at the same time.
const maxFlights = 4

// gatherer reads single keys in few requests, because a server pays for requests and not for keys.
// While fewer than maxFlights requests are under way a lookup is sent at once, with those that are ready to
// run: it never waits for others. Lookups that come meanwhile go together, up to maxKeys, when a request ends.
type gatherer struct {
	fetch func(ctx context.Context, keys []string) map[string]store.GetResult

	mu      sync.Mutex
	waiting []*lookup
	flights int
}

type lookup struct {
	ctx    context.Context
	key    string
	result store.GetResult // set before done is closed
	done   chan struct{}
}

// get reads one key. A lookup joins only a request that has not begun, so it sees every write that
// ended before get was called.
func (g *gatherer) get(ctx context.Context, key string) store.GetResult {
	if ctx.Err() != nil {
		return store.GetResult{Err: failure(ctx, "GetItem", ctx.Err())}
	}
	l := &lookup{ctx: ctx, key: key, done: make(chan struct{})}
	if g.add(l) {
		g.settle()
		batch := g.take() // without l if another flight has taken it
		if len(batch) == 1 && batch[0] == l {
			defer g.next()
			return g.fetch(ctx, []string{key})[key] // a new goroutine would have to grow its stack for the SDK
		}
		go g.fly(batch)
	}
	select {
	case <-l.done:
		return l.result
	case <-ctx.Done():
		return store.GetResult{Err: failure(ctx, "GetItem", ctx.Err())}
	}
}

// add has a lookup wait, and reports whether its caller has to begin a flight.
func (g *gatherer) add(l *lookup) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, l)
	if g.flights == maxFlights {
		return false
	}
	g.flights++
	return true
}

// maxYields is how often a flight lets others run before it begins.
const maxYields = 8

// settle lets others run for as long as that brings more lookups: callers who were answered by one page ask
// again together. It costs one who is alone nothing that can be measured.
func (g *gatherer) settle() {
	before := 0
	for range maxYields {
		g.mu.Lock()
		waiting := len(g.waiting)
		g.mu.Unlock()
		if waiting <= before || waiting >= maxKeys {
			return
		}
		before = waiting
		runtime.Gosched()
	}
}

// next ends a flight, or gives it to the lookups that wait.
func (g *gatherer) next() {
	if batch := g.take(); len(batch) > 0 {
		go g.fly(batch)
	}
}

// fly sends requests until no lookup waits.
func (g *gatherer) fly(batch []*lookup) {
	for ; len(batch) > 0; batch = g.take() {
		g.land(batch)
	}
}

// take returns the lookups to send next. There are none when the flight has ended.
func (g *gatherer) take() []*lookup {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxKeys)
	if n == 0 {
		g.flights--
		return nil
	}
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return batch
}

// land sends one request for some lookups and hands out the results. The request is cancelled when
// the last of its callers has given up, and not before.
func (g *gatherer) land(batch []*lookup) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	defer cancel()
	var callers atomic.Int64
	callers.Store(int64(len(batch)))
	keys := make([]string, 0, len(batch))
	for _, l := range batch {
		keys = append(keys, l.key)
		stop := context.AfterFunc(l.ctx, func() {
			if callers.Add(-1) == 0 {
				cancel()
			}
		})
		defer stop()
	}
	slices.Sort(keys)
	results := g.fetch(ctx, slices.Compact(keys))
	for _, l := range batch {
		l.result = results[l.key]
		close(l.done)
	}
}
