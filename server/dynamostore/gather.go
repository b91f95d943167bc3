package dynamostore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// maxFlights bounds the requests of a gatherer that run at the same time.
const maxFlights = 4

// gatherer has callers who ask for one thing each share requests, because a server pays for requests and not for
// what is in them. While fewer than eager requests are under way a question is sent at once, with those that are
// ready to run: it never waits for others. Questions that come meanwhile go together when a request ends, or when
// they fill another.
type gatherer[Q, R any] struct {
	most  int                                    // questions of one request
	eager int                                    // requests under way that need not be full
	send  func(ctx context.Context, all []Q) []R // makes a request; an answer for each question, in order
	// ended is the answer to a caller whose context has ended.
	ended func(ctx context.Context) R

	mu      sync.Mutex
	waiting []*asked[Q, R]
	flights int
}

type asked[Q, R any] struct {
	ctx      context.Context
	question Q
	answer   R // set before done is closed
	done     chan struct{}
}

// ask has one question answered. It joins only a request that has not begun, so a read sees every write that ended
// before ask was called.
func (g *gatherer[Q, R]) ask(ctx context.Context, question Q) R {
	if ctx.Err() != nil {
		return g.ended(ctx)
	}
	a := &asked[Q, R]{ctx: ctx, question: question, done: make(chan struct{})}
	if g.add(a) {
		g.settle()
		batch := g.take() // without a if another flight has taken it
		if len(batch) == 1 && batch[0] == a {
			defer g.next()
			return g.send(ctx, []Q{question})[0] // a new goroutine would have to grow its stack for the SDK
		}
		go g.fly(batch)
	}
	select {
	case <-a.done:
		return a.answer
	case <-ctx.Done():
		return g.ended(ctx)
	}
}

// add has a question wait, and reports whether its caller has to begin a flight.
func (g *gatherer[Q, R]) add(a *asked[Q, R]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, a)
	if g.flights == maxFlights || g.flights >= g.eager && len(g.waiting) < g.most {
		return false
	}
	g.flights++
	return true
}

// maxYields is how often a flight lets others run before it begins.
const maxYields = 8

// settle lets others run for as long as that brings more questions: callers who were answered by one page ask
// again together. It costs one who is alone nothing that can be measured.
func (g *gatherer[Q, R]) settle() {
	before := 0
	for range maxYields {
		g.mu.Lock()
		waiting := len(g.waiting)
		g.mu.Unlock()
		if waiting <= before || waiting >= g.most {
			return
		}
		before = waiting
		runtime.Gosched()
	}
}

// next ends a flight, or gives it to the questions that wait.
func (g *gatherer[Q, R]) next() {
	if batch := g.take(); len(batch) > 0 {
		go g.fly(batch)
	}
}

// fly sends requests until no question waits.
func (g *gatherer[Q, R]) fly(batch []*asked[Q, R]) {
	for ; len(batch) > 0; batch = g.take() {
		g.land(batch)
	}
}

// take returns the questions to send next. There are none when the flight has ended. What waits then is taken by
// one of the eager flights, which are still under way.
func (g *gatherer[Q, R]) take() []*asked[Q, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), g.most)
	if n == 0 || g.flights > g.eager && n < g.most {
		g.flights--
		return nil
	}
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return batch
}

// land sends one request for some questions and hands out the answers. The request is cancelled when
// the last of its callers has given up, and not before.
func (g *gatherer[Q, R]) land(batch []*asked[Q, R]) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	defer cancel()
	var callers atomic.Int64
	callers.Store(int64(len(batch)))
	questions := make([]Q, 0, len(batch))
	for _, a := range batch {
		questions = append(questions, a.question)
		stop := context.AfterFunc(a.ctx, func() {
			if callers.Add(-1) == 0 {
				cancel()
			}
		})
		defer stop()
	}
	answers := g.send(ctx, questions)
	for i, a := range batch {
		a.answer = answers[i]
		close(a.done)
	}
}
