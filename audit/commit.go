package audit

import (
	"context"
	"fmt"
	"time"
)

// commit writes one page with as much of the batch as fits, answers the callers of the entries in
// it, and returns how many entries that were.
func (w *writer) commit(ctx context.Context, batch []*pending) int {
	drafts := make([]*draft, len(batch))
	for i, p := range batch {
		drafts[i] = &p.draft
	}
	fail := func(err error) int {
		return w.answer(batch, func(int) Result { return Result{Err: err} })
	}
	for {
		now, began := w.now(), time.Now() // began is monotonic: a clock that jumps is no pause
		if err := w.refresh(ctx, now); err != nil {
			return fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
		page, after, err := w.page(drafts, now)
		if err != nil {
			return fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
		ours, err := w.write(ctx, page)
		if err != nil {
			return fail(fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
		if ours {
			w.head, w.seen = after, now
			w.derive(page)
			if time.Since(began) >= staleAfter {
				// The process may have stood still, and pruning may have freed the page's number: see staleAfter.
				return w.answer(batch[:len(page.Lines)], func(int) Result { return Result{Err: errLate} })
			}
			return w.answer(batch[:len(page.Lines)], func(i int) Result {
				return Result{Durable: newDurable(&page.entries[i], page.leaves[i])}
			})
		}
	}
}

func (w *writer) answer(batch []*pending, result func(i int) Result) int {
	n := int64(len(batch)) // counted first: a caller that is answered finds the writer idle
	w.flying.Add(-n)
	w.waiting.Add(-n)
	for i, p := range batch {
		p.result = result(i)
		close(p.done)
	}
	return len(batch)
}
