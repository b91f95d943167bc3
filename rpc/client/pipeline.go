package client

import (
	"context"
	"iter"
	"sync"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// callsAtOnce bounds how many calls are under way or unread.
const callsAtOnce = 4

// outcome is one result of a call.
type outcome interface{ GetError() *piinguinv1.Error }

// pipeline is a stream under way. Its own goroutine is the consumer's, which takes from
// the input, sends and yields; each call has another.
type pipeline[In any, Out outcome] struct {
	kind  kind[In, Out]
	yield func(Out, error) bool
	calls sync.WaitGroup
	queue []*batch[In, Out] // sent and not yet read, in order
	next  *batch[In, Out]   // not yet sent
}

// kind is what streams differ in.
type kind[In any, Out outcome] struct {
	// call sends one request and returns the results in the order of the items.
	call func(context.Context, []In) ([]Out, error)
	// size is how many bytes an item adds to an encoded request. The error is that of
	// an item which cannot be sent, and would take the others of its call with it.
	size func(In) (int, error)
	// key is what two items share that must take effect in order; nil if none do.
	key func(In) string
	// base is the encoded size of a request without items.
	base int
}

// batch is the items of one call and, once done is closed, what became of them.
type batch[In any, Out outcome] struct {
	items   []In
	size    int
	keys    map[string]bool
	done    chan struct{}
	results []Out
	err     error
}

func newBatch[In any, Out outcome](base int) *batch[In, Out] {
	return &batch[In, Out]{size: base, keys: map[string]bool{}, done: make(chan struct{})}
}

// stream is the sequence of what becomes of the items of another.
func stream[In any, Out outcome](ctx context.Context, k kind[In, Out], in iter.Seq2[In, error]) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		p := &pipeline[In, Out]{kind: k, yield: yield, next: newBatch[In, Out](k.base)}
		defer p.calls.Wait() // nothing outlives the loop
		defer cancel()
		p.run(ctx, in)
	}
}

func (p *pipeline[In, Out]) run(ctx context.Context, in iter.Seq2[In, error]) {
	for item, err := range in {
		if err != nil {
			if p.finish(ctx) {
				var none Out
				p.yield(none, err)
			}
			return
		}
		if !p.take(ctx, item) {
			return
		}
		// Not before the first item: a loop over a context that has ended would be over
		// without a word, and look like one over no items.
		if ctx.Err() != nil {
			break
		}
	}
	p.finish(ctx)
}

// take puts an item into the next call. Like what it calls, it reports whether the
// consumer wants more.
func (p *pipeline[In, Out]) take(ctx context.Context, item In) bool {
	size, err := p.kind.size(item)
	if err != nil {
		return p.send(ctx) && p.refuse(item, err)
	}
	if p.next.size+size > piinguinv1.CallBytes && !p.send(ctx) {
		return false
	}
	p.next.items = append(p.next.items, item)
	p.next.size += size
	if p.kind.key != nil {
		p.next.keys[p.kind.key(item)] = true
	}
	return len(p.next.items) < piinguinv1.MaxBatch || p.send(ctx)
}

// send begins the next call, if there is anything to send.
func (p *pipeline[In, Out]) send(ctx context.Context) bool {
	b := p.next
	if len(b.items) == 0 {
		return true
	}
	p.next = newBatch[In, Out](p.kind.base)
	for _, earlier := range p.queue {
		if earlier.shares(b) {
			<-earlier.done
		}
	}
	p.calls.Go(func() {
		defer close(b.done)
		b.results, b.err = p.kind.call(ctx, b.items)
	})
	return p.enqueue(b)
}

// refuse answers an item without a call, in its place.
func (p *pipeline[In, Out]) refuse(item In, err error) bool {
	b := newBatch[In, Out](0)
	b.items, b.err = []In{item}, err
	close(b.done)
	return p.enqueue(b)
}

// enqueue holds the consumer back until there is room for another call.
func (p *pipeline[In, Out]) enqueue(b *batch[In, Out]) bool {
	p.queue = append(p.queue, b)
	return len(p.queue) < callsAtOnce || p.deliver()
}

// finish sends what is left and yields all that is unread.
func (p *pipeline[In, Out]) finish(ctx context.Context) bool {
	more := p.send(ctx)
	for more && len(p.queue) > 0 {
		more = p.deliver()
	}
	return more
}

// deliver waits for the oldest call and yields what became of its items.
func (p *pipeline[In, Out]) deliver() bool {
	b := p.queue[0]
	p.queue = p.queue[1:]
	<-b.done
	for i := range b.items {
		if !p.yield(b.answer(i)) {
			return false
		}
	}
	return true
}

// shares reports whether the two hold items of one key.
func (b *batch[In, Out]) shares(other *batch[In, Out]) bool {
	for key := range other.keys {
		if b.keys[key] {
			return true
		}
	}
	return false
}

// answer is what became of one item: a result only if it is a good one.
func (b *batch[In, Out]) answer(i int) (Out, error) {
	var none Out
	switch {
	case b.err != nil:
		return none, b.err
	case b.results[i].GetError() != nil:
		return none, refused(b.results[i].GetError())
	}
	return b.results[i], nil
}

// refused is the error that the single call would have answered.
func refused(e *piinguinv1.Error) twirp.Error {
	code := twirp.ErrorCode(e.GetCode())
	if code == twirp.NoError || !twirp.IsValidErrorCode(code) { // of a server newer than this client
		code = twirp.Unknown
	}
	return twirp.NewError(code, "the server refused this item: "+e.GetReason()).WithMeta(piinguinv1.MetaReason, e.GetReason())
}
