package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// openWriter opens a series for writing: at the end of its newest log, or with a
// first one.
func openWriter(ctx context.Context, c Config, series string) (*writer, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	w := &writer{
		store: c.Store, series: series, key: c.Key, now: c.Now,
		wake: make(chan struct{}, 1), commitFor: c.AppendTimeout,
	}
	log, known, err := w.newest(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.enter(head{log: log}); err != nil {
		return nil, err
	}
	last, err := c.Store.Last(ctx, log)
	switch {
	case err == nil:
		err = w.resume(ctx, last.Number)
	case !errors.Is(err, ErrNotFound):
		err = fmt.Errorf("audit: read the last page of %s: %w", log, err)
	case known:
		// A registered log has a page. Beginning it again would hide that all are gone.
		err = &RowError{PageRow(log, 0), "missing"}
	default:
		err = nil
	}
	if err == nil {
		err = w.ready(ctx, w.now())
	}
	return w, err
}

// newest returns the newest registered log of the series; known is false, with the
// name of the first, if there is none.
func (w *writer) newest(ctx context.Context) (log string, known bool, err error) {
	logs, err := w.store.Logs(ctx)
	if err != nil {
		return "", false, fmt.Errorf("audit: read the registered logs: %w", err)
	}
	log = w.series
	for _, l := range logs {
		if SeriesOf(l) == w.series {
			log, known = max(log, l), true
		}
	}
	return log, known, nil
}

// enter makes h the writer's head, in a log that is new to it.
func (w *writer) enter(h head) (err error) {
	if w.signer, err = w.key.signer(h.log); err != nil {
		return err
	}
	if w.verifier, err = w.key.Verifier().verifier(h.log); err != nil {
		return err
	}
	w.head, w.registered = h, false
	return nil
}

// resume puts the head after the log's last page. It trusts the page before that
// one for everything older, and checks the last one against it: the last page
// alone cannot show that its own lines were changed.
func (w *writer) resume(ctx context.Context, last int64) error {
	from := max(last-1, 0)
	h := head{log: w.head.log, number: from}
	for p, err := range w.store.Pages(ctx, h.log, from) {
		if err == nil && p.Number == from && from > 0 {
			h, err = headAfter(p, w.verifier)
		} else if err == nil {
			h, err = h.follow(p, w.verifier)
		}
		var row *RowError
		switch {
		case errors.As(err, &row):
			return err
		case err != nil:
			return fmt.Errorf("audit: read the last pages of %s: %w", h.log, err)
		}
	}
	if h.number <= last {
		return &RowError{PageRow(h.log, h.number), "missing"}
	}
	w.head = h
	return nil
}

// ready brings the writer to a log that takes entries of now: it opens a log that has
// no page yet, closes one of an earlier month and goes on to the one that a CLOSE
// names. Other writers of the series may do the same meanwhile; one page of each
// number stands, and all follow it. An error is as of write.
func (w *writer) ready(ctx context.Context, now time.Time) error {
	for {
		var err error
		switch {
		case w.head.next != "":
			err = w.enter(w.head.opening())
		case w.head.number == 0:
			err = w.add(ctx, now, Entry{
				Operation: Opened, Outcome: Granted, Reference: w.key.Verifier().Text(KeyName), Checkpoint: w.head.opens,
			})
		case !w.registered:
			// Only now: a registered log always has a page, so that one without any is
			// evidence.
			err = w.persist(ctx, func(ctx context.Context) error {
				return w.try(ctx, func(ctx context.Context) error { return w.store.Register(ctx, w.head.log) })
			})
			if err != nil {
				err = fmt.Errorf("audit: register %s: %w", w.head.log, err)
			}
			w.registered = err == nil
		case laterMonth(now, w.head.time):
			// Its time is the log's last: the log is of the month that has ended.
			err = w.add(ctx, w.head.time, Entry{Operation: Closed, Outcome: Granted, Reference: monthLog(w.series, now)})
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// add writes a page of one of the ledger's own entries, or adopts what another
// writer put in its place.
func (w *writer) add(ctx context.Context, at time.Time, e Entry) error {
	page, after, err := w.head.nextPage([]Entry{e}, at, w.signer)
	if err != nil {
		return err
	}
	ours, err := w.write(ctx, page)
	if err != nil {
		return fmt.Errorf("audit: write to %s: %w", w.head.log, err)
	}
	if ours {
		w.head = after
	}
	return nil
}
