package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// note remembers for Ready how an append ended. A caller that went away says nothing about the
// ledger.
func (l *Ledger) note(err error) {
	switch {
	case err == nil:
		if l.late.Load() != 0 {
			l.late.Store(0)
		}
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		l.late.Store(l.config.Now().UnixNano())
	}
}

// lateFor is how long a failed append makes the ledger not ready. It ends by itself: a server that
// is taken out of service gets no requests, and so no append that could succeed.
const lateFor = 10 * time.Second

// Ready returns nil if appends can be expected to succeed: the store answers, the outcome of every
// commit is known, no append has failed in the last ten seconds and since the last one that
// succeeded, and every log has what the spine lists. Otherwise it returns an error that wraps ErrUnavailable.
func (l *Ledger) Ready(ctx context.Context) error {
	if why := l.halted.Load(); why != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, *why)
	}
	if late := l.late.Load(); late != 0 {
		// A clock that was a year ahead then and is right now must not make this last a year.
		if since := l.config.Now().Sub(time.Unix(0, late)); since.Abs() < lateFor {
			return fmt.Errorf("%w: an append failed", ErrUnavailable)
		}
	}
	if err := l.spine.broken.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, *err)
	}
	writers := *l.writers.Load()
	for _, w := range writers {
		if w.trouble.Load() != nil {
			return fmt.Errorf("%w: a commit is not confirmed", ErrUnavailable)
		}
	}
	if _, err := lastPage(ctx, l.store, writers[0].log); err != nil {
		return fmt.Errorf("%w: the store does not answer", ErrUnavailable)
	}
	return nil
}
