// Package gather has callers who ask one question each share requests, because an engine has work to do for each
// request, whatever is in it.
//
//	records := gather.New(gather.Limits{Most: 100, Flights: 4, Eager: 4}, send, ended)
//	record := records.Ask(ctx, key)
//
// Nobody waits for others to come. While few enough requests are under way a question is sent at once, with those
// that are ready to run; what comes meanwhile goes together when a request ends.
package gather

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Limits bound the requests of a Gatherer.
type Limits struct {
	Most    int // questions of one request
	Flights int // requests under way
	Eager   int // of these, how many are sent whatever they hold; the others are sent when they hold Most
}

// Gatherer sends questions Q and hands out answers A. It is safe for concurrent use.
type Gatherer[Q, A any] struct {
	limits Limits
	send   func(ctx context.Context, all []Q) []A
	ended  func(ctx context.Context) A

	mu      sync.Mutex
	waiting []*asked[Q, A]
	flying  int
}

// New returns a Gatherer. send makes a request, and returns an answer for each question, in their order. Its context
// has the values of one of the callers, and ends when all of them have given up. ended is the answer to a caller
// whose own context has ended; whether its question was sent is not known then.
func New[Q, A any](l Limits, send func(ctx context.Context, all []Q) []A, ended func(ctx context.Context) A) *Gatherer[Q, A] {
	return &Gatherer[Q, A]{limits: l, send: send, ended: ended}
}

// asked is a question, and what became of it.
type asked[Q, A any] struct {
	ctx      context.Context
	question Q
	flight   *flight[Q, A] // what has taken it; nil as long as it waits
	answer   A             // set before done is closed
	done     chan struct{}
}

// flight is one request.
type flight[Q, A any] struct {
	ctx    context.Context
	cancel context.CancelFunc
	askers []*asked[Q, A]
	left   atomic.Int64 // askers who have given up
}

// Ask has one question answered. It joins only a request that has not begun, so a read sees every write that ended
// before Ask was called.
func (g *Gatherer[Q, A]) Ask(ctx context.Context, question Q) A {
	if ctx.Err() != nil {
		return g.ended(ctx)
	}
	a := &asked[Q, A]{ctx: ctx, question: question, done: make(chan struct{})}
	if g.add(a) {
		g.settle()
		if f := g.take(); f.alone(a) {
			defer g.next()
			return g.send(ctx, []Q{question})[0] // a new goroutine would have to grow its stack
		} else if f != nil { // else another flight has taken a
			go g.fly(f)
		}
	}
	select {
	case <-a.done:
		return a.answer
	case <-ctx.Done():
		g.leave(a)
		return g.ended(ctx)
	}
}

// alone reports whether a flight has only one asker, who is a.
func (f *flight[Q, A]) alone(a *asked[Q, A]) bool {
	return f != nil && len(f.askers) == 1 && f.askers[0] == a
}

// add has a question wait, and reports whether its caller has to begin a flight.
func (g *Gatherer[Q, A]) add(a *asked[Q, A]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, a)
	if g.flying == g.limits.Flights || g.flying >= g.limits.Eager && len(g.waiting) < g.limits.Most {
		return false
	}
	g.flying++
	return true
}

// maxYields is how often a flight lets others run before it begins.
const maxYields = 8

// settle lets others run for as long as that brings more questions: callers who were answered together ask
// again together. It costs one who is alone nothing that can be measured.
func (g *Gatherer[Q, A]) settle() {
	before := 0
	for range maxYields {
		g.mu.Lock()
		waiting := len(g.waiting)
		g.mu.Unlock()
		if waiting <= before || waiting >= g.limits.Most {
			return
		}
		before = waiting
		runtime.Gosched()
	}
}

// next ends a flight, or gives its place to the questions that wait.
func (g *Gatherer[Q, A]) next() {
	if f := g.take(); f != nil {
		go g.fly(f)
	}
}

// fly sends requests until no question waits.
func (g *Gatherer[Q, A]) fly(f *flight[Q, A]) {
	for ; f != nil; f = g.take() {
		questions := make([]Q, len(f.askers))
		for i, a := range f.askers {
			questions[i] = a.question
		}
		answers := g.send(f.ctx, questions)
		f.cancel()
		for i, a := range f.askers {
			a.answer = answers[i]
			close(a.done)
		}
	}
}

// take returns the next flight with questions that wait. There is none when its place has been given up: what waits
// then is taken by one of the eager flights, which are still under way.
func (g *Gatherer[Q, A]) take() *flight[Q, A] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), g.limits.Most)
	if n == 0 || g.flying > g.limits.Eager && n < g.limits.Most {
		g.flying--
		return nil
	}
	f := &flight[Q, A]{askers: slices.Clone(g.waiting[:n])}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(f.askers[0].ctx)) //nolint:gosec // fly cancels it; who is alone has a context already
	for _, a := range f.askers {
		a.flight = f
	}
	g.waiting = slices.Delete(g.waiting, 0, n)
	return f
}

// leave takes back a question whose caller has given up. The last to leave a flight cancels it.
func (g *Gatherer[Q, A]) leave(a *asked[Q, A]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.flight == nil {
		i := slices.Index(g.waiting, a)
		g.waiting = slices.Delete(g.waiting, i, i+1)
	} else if a.flight.left.Add(1) == int64(len(a.flight.askers)) {
		a.flight.cancel()
	}
}
