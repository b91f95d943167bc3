package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// maxQueue bounds what waits for one writer. Beyond it an append fails at once:
// with the default deadline a longer queue would only make everybody fail later.
const maxQueue = 16384

// The wait between two tries to find out what became of a commit.
const (
	firstRetry = 10 * time.Millisecond
	lastRetry  = time.Second
)

// writer commits the entries of one series of logs. Its goroutine takes all that
// waits and writes it as the next page: one page in flight, never two, because a
// later page without its predecessor would be a hole that nobody may fill.
type writer struct {
	store  Store
	series string
	key    Key
	now    func() time.Time

	// The goroutine's own.
	head       head
	signer     note.Signer // of the head's log, as is the verifier
	verifier   note.Verifier
	registered bool // the head's log is

	waiting   atomic.Int64 // entries queued or in flight
	troubled  atomic.Bool  // a commit's outcome is not known at the moment
	mu        sync.Mutex
	queue     []*pending
	closed    bool
	wake      chan struct{}
	commitFor time.Duration // limit of one try
}

// pending is one entry on its way. Whoever takes it first decides: the
// goroutine commits it, or the caller gives up and it is never written.
type pending struct {
	entry Entry
	taken atomic.Bool
	done  chan Result
}

// errWriterClosed says that the writer takes nothing any more: the ledger is
// closed, or another writer has taken its place.
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

// take returns what is to be written next; closed says that nothing will come
// any more.
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

// commit writes one page of the batch, answers those whose entries it holds and
// returns how many they were.
func (w *writer) commit(ctx context.Context, batch []*pending) int {
	entries := make([]Entry, len(batch))
	for i, p := range batch {
		entries[i] = p.entry
	}
	fail := func(err error) int {
		return w.answer(batch, func(int) Result { return Result{Err: err} })
	}
	for {
		now := w.now() // read once: the log must be of the page's month
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
	w.waiting.Add(-int64(len(batch))) // first, so that whoever is answered finds the writer idle
	for i, p := range batch {
		p.done <- result(i)
	}
	return len(batch)
}

// write commits the page. It returns true when the page is durable, and false
// when its number went to another writer, whose pages are adopted then. The
// outcome of a commit that failed is not known until the page is read back, and
// until then no other page may be tried: the failed one may still arrive. An
// error means that the writer has to stop, because ctx is done or the log is not
// what it was.
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

// persist calls f until it succeeds or finds a row that is not what was written.
func (w *writer) persist(ctx context.Context, f func(context.Context) error) error {
	defer w.troubled.Store(false)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := f(ctx)
		var row *RowError
		if err == nil || errors.As(err, &row) {
			return err
		}
		w.troubled.Store(true)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(wait/2 + rand.N(wait)): //nolint:gosec // jitter is no secret
		}
	}
}

func (w *writer) try(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, w.commitFor)
	defer cancel()
	return f(ctx)
}

// adopt reads back what stands under the page's number and after it. It returns
// true if that is the page itself, and false when it moved the head past the
// pages of another writer; ErrNotFound if nothing is there yet.
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
