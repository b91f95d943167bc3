package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The wait before the outcome of a commit is looked up again. It doubles from the first to the
// last, and varies by half at random, so that servers do not retry in step.
const (
	firstRetry = 10 * time.Millisecond
	lastRetry  = time.Second
)

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
		unknown := w.try(ctx, func(ctx context.Context) (err error) { ours, err = w.adopt(ctx, page); return err })
		if unknown != nil {
			return fmt.Errorf("%w: %w", unknown, err) // and why the commit itself failed
		}
		return nil
	})
	return ours, err
}

// persist calls f until it succeeds, finds a row that is not what was written, hears that the store
// is lost, or ctx is done. It never gives up by itself, however long the store is away: the writer
// could not go on without knowing the outcome.
func (w *writer) persist(ctx context.Context, f func(context.Context) error) error {
	defer w.trouble.Store(nil)
	waits := &backoff.ExponentialBackOff{
		InitialInterval: firstRetry, MaxInterval: lastRetry, Multiplier: 2, RandomizationFactor: 0.5,
	}
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = f(ctx)
		var row *RowError
		if errors.As(last, &row) || errors.Is(last, ErrLost) {
			return struct{}{}, backoff.Permanent(last)
		}
		if last == nil {
			w.trouble.Store(nil)
			return struct{}{}, nil
		}
		now := last
		w.trouble.Store(&now)
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
