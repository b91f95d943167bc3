package audit

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// maxQueue is how many entries may wait for one writer. Beyond it an append fails at once: in a
// longer queue every append would only miss its deadline.
const maxQueue = 16384

// writer commits the entries of one log. Its goroutine takes all entries that wait and writes them as
// the next page.
type writer struct {
	*appender
	log    LogID
	derive func(Page) // told of each page that was committed

	waiting atomic.Int64 // entries queued or in flight
	flying  atomic.Int64 // those in flight
	took    atomic.Int64 // nanoseconds of the last commits, on average
	began   atomic.Int64 // when the last one began, in Unix nanoseconds
	mu      sync.Mutex
	queue   []*pending
	closed  bool
	wake    chan struct{}
}

// pending is an entry that waits. Whoever takes it first decides its fate: the goroutine commits it,
// or the caller gives up and it is never written.
type pending struct {
	draft  draft
	at     int // its place among the entries of its call
	taken  atomic.Bool
	done   chan struct{} // closed when there is a result
	result Result
}

// errWriterClosed says that the writer takes no more entries: the ledger is closed, or another
// writer has replaced this one.
var errWriterClosed = fmt.Errorf("%w: closed", ErrUnavailable)

func (w *writer) enqueue(items []*pending) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errWriterClosed
	}
	if len(w.queue)+len(items) > maxQueue {
		return fmt.Errorf("%w: too many entries wait", ErrUnavailable)
	}
	w.queue = append(w.queue, items...)
	w.waiting.Add(int64(len(items)))
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
}

// take returns the entries to write next. closed says that no more will come.
func (w *writer) take() (batch []*pending, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.queue) && len(batch) < MaxPageEntries {
		if w.queue[n].taken.CompareAndSwap(false, true) {
			batch = append(batch, w.queue[n])
		} else {
			w.waiting.Add(-1) // its caller has given up
		}
		n++
	}
	clear(w.queue[:n])
	w.queue = w.queue[n:]
	w.flying.Store(int64(len(batch)))
	return batch, w.closed && len(w.queue) == 0
}

// run commits until the writer is closed and its queue empty, or ctx is done.
func (w *writer) run(ctx context.Context) {
	for {
		w.settle()
		batch, closed := w.take()
		for len(batch) > 0 {
			began := time.Now()
			w.began.Store(began.UnixNano())
			batch = batch[w.commit(ctx, batch):]
			w.took.Store((3*w.took.Load() + int64(time.Since(began))) / 4)
		}
		if closed {
			return
		}
		if w.idle() {
			select {
			case <-w.wake:
			case <-ctx.Done():
				w.close()
			}
		}
	}
}

// maxYields is how often the writer lets others run before it takes what waits.
const maxYields = 8

// settle lets others run for as long as that brings more entries. Callers whose entries are almost there
// join the page, and share its signature and its wait for the disk. It costs one who is alone nothing
// that can be measured.
func (w *writer) settle() {
	before := int64(0)
	for range maxYields {
		waiting := w.waiting.Load()
		if waiting == before || waiting >= MaxPageEntries {
			return
		}
		before = waiting
		runtime.Gosched()
	}
}

// logRate is how many entries a second one log takes before a further one is written. DynamoDB takes 1,000
// write units a second for one log, which is about 2,000 entries in full pages.
const logRate = 1800

// sooner reports whether an entry is likely to be durable sooner with this writer than with another: if it
// is idle, or if its commit began first and so ends first.
func (w *writer) sooner(other *writer) bool {
	busy, queued := w.load()
	otherBusy, otherQueued := other.load()
	switch {
	case busy != otherBusy:
		return otherBusy
	case busy && queued < MaxPageEntries && otherQueued < MaxPageEntries:
		return w.began.Load() < other.began.Load()
	}
	return queued < otherQueued
}

// load returns whether a commit is under way, and how many entries wait for the next one.
func (w *writer) load() (busy bool, queued int64) {
	flying := w.flying.Load()
	return flying > 0, w.waiting.Load() - flying
}

func (w *writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0 && !w.closed
}

func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
