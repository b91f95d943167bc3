package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/mod/sumdb/note"
)

// maxQueue is how many entries may wait for one writer. Beyond it an append fails at once: in a
// longer queue every append would only miss its deadline.
const maxQueue = 16384

// The wait before the outcome of a commit is looked up again. It doubles from the first to the
// last, and varies by half at random, so that servers do not retry in step.
const (
	firstRetry = 10 * time.Millisecond
	lastRetry  = time.Second
)

// writer commits the entries of one series of logs. Its goroutine takes all entries that wait and
// writes them as the next page. It never has two pages in flight: if the later one were stored and
// the earlier one not, the log would have a gap that nobody may fill.
type writer struct {
	store interface {
		Log
		Registry
	}
	series string
	key    Key
	now    func() time.Time

	// Used by the writer's goroutine only.
	head       head
	signer     note.Signer // for the head's log
	verifier   note.Verifier
	registered bool // whether the head's log is registered

	waiting   atomic.Int64 // entries queued or in flight
	troubled  atomic.Bool  // the outcome of a commit is not known at the moment
	mu        sync.Mutex
	queue     []*pending
	closed    bool
	wake      chan struct{}
	commitFor time.Duration // how long one call to the store may take
}

// pending is an entry that waits. Whoever takes it first decides its fate: the goroutine commits it,
// or the caller gives up and it is never written.
type pending struct {
	entry Entry
	taken atomic.Bool
	done  chan Result
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
	return batch, w.closed && len(w.queue) == 0
}

// run commits until the writer is closed and its queue empty, or ctx is done.
func (w *writer) run(ctx context.Context) {
	for {
		batch, closed := w.take()
		for len(batch) > 0 {
			batch = batch[w.commit(ctx, batch):]
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

// commit writes one page with as much of the batch as fits, answers the callers of the entries in
// it, and returns how many entries that were.
func (w *writer) commit(ctx context.Context, batch []*pending) int {
	entries := make([]Entry, len(batch))
	for i, p := range batch {
		entries[i] = p.entry
	}
	fail := func(err error) int {
		return w.answer(batch, func(int) Result { return Result{Err: err} })
	}
	for {
		now := w.now() // read once, so that the page's month is the log's
		if err := w.ready(ctx, now); err != nil {
			return fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
		page, after, err := w.head.nextPage(entries, now, w.signer)
		if err != nil {
			return fail(err)
		}
		ours, err := w.write(ctx, page)
		if err != nil {
			return fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
		if ours {
			w.head = after
			return w.answer(batch[:len(page.Lines)], func(i int) Result {
				return Result{Durable: newDurable(batch[i].entry, Receipt{page.Log, page.First + int64(i), after.time, page.Leaves[i]})}
			})
		}
	}
}

func (w *writer) answer(batch []*pending, result func(i int) Result) int {
	w.waiting.Add(-int64(len(batch))) // first: a caller that is answered finds the writer idle
	for i, p := range batch {
		p.done <- result(i)
	}
	return len(batch)
}

// write commits the page, and returns true once it is durable. It returns false if another writer
// took the page's number; the head then follows that writer's pages. After a failed commit the
// outcome is unknown until the page is read back. Until then no other page is tried, because the
// failed one may still arrive. An error means that the writer has to stop: ctx is done, or the log
// is not what was written.
func (w *writer) write(ctx context.Context, page Page) (ours bool, err error) {
	err = w.persist(ctx, func(ctx context.Context) error {
		err := w.try(ctx, func(ctx context.Context) error { return w.store.Commit(ctx, page) })
		if err == nil {
			ours = true
			return nil
		}
		return w.try(ctx, func(ctx context.Context) (err error) { ours, err = w.adopt(ctx, page); return err })
	})
	return ours, err
}

// persist calls f until it succeeds, finds a row that is not what was written, or ctx is done. It
// never gives up by itself, however long the store is away: the writer could not go on without
// knowing the outcome.
func (w *writer) persist(ctx context.Context, f func(context.Context) error) error {
	defer w.troubled.Store(false)
	waits := &backoff.ExponentialBackOff{
		InitialInterval: firstRetry, MaxInterval: lastRetry, Multiplier: 2, RandomizationFactor: 0.5,
	}
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = f(ctx)
		var row *RowError
		if errors.As(last, &row) {
			return struct{}{}, backoff.Permanent(last)
		}
		w.troubled.Store(last != nil)
		return struct{}{}, last
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(0)) // 0: no limit
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), last)
	}
	return err
}

// try calls f within the time that one call to the store may take.
func (w *writer) try(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, w.commitFor)
	defer cancel()
	return f(ctx)
}

// adopt reads back the page with the page's number, and those after it. It returns true if that is
// the page itself. It returns false if it is another writer's, and moves the head past that
// writer's pages. ErrNotFound: no page with the number is stored yet.
func (w *writer) adopt(ctx context.Context, page Page) (bool, error) {
	head := w.head
	for got, err := range w.store.Pages(ctx, page.Log, page.Number) {
		if err != nil {
			return false, err
		}
		if got.same(page) {
			return true, nil
		}
		if head, err = head.follow(got, w.verifier); err != nil {
			return false, err
		}
	}
	if head.number == page.Number {
		return false, ErrNotFound
	}
	w.head = head
	return false, nil
}
