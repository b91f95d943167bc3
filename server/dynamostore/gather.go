package dynamostore

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/piinguin/piinguin/server/store"
)

// maxFlights bounds the requests for single keys that run at the same time.
const maxFlights = 4

// gatherer reads single keys in few requests, because a server pays for requests and not for keys.
// While fewer than maxFlights requests are under way a lookup is sent at once: it never waits for
// others. Lookups that come meanwhile go together, up to maxKeys, when a request ends.
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
	g.mu.Lock()
	g.waiting = append(g.waiting, l)
	if g.flights < maxFlights {
		g.flights++
		go g.fly()
	}
	g.mu.Unlock()
	select {
	case <-l.done:
		return l.result
	case <-ctx.Done():
		return store.GetResult{Err: failure(ctx, "GetItem", ctx.Err())}
	}
}

// fly sends requests until no lookup waits.
func (g *gatherer) fly() {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), maxKeys)
		if n == 0 {
			g.flights--
			g.mu.Unlock()
			return
		}
		batch := slices.Clone(g.waiting[:n])
		g.waiting = slices.Delete(g.waiting, 0, n)
		g.mu.Unlock()
		g.land(batch)
	}
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
