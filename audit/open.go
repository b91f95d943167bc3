package audit

import (
	"context"
	"errors"
	"fmt"
)

func openWriter(ctx context.Context, c Config, name string) (*writer, error) {
	signer, err := c.Key.signer(name)
	if err != nil {
		return nil, err
	}
	verifier, err := c.Key.Verifier().verifier(name)
	if err != nil {
		return nil, err
	}
	w := &writer{
		log: c.Store, name: name, signer: signer, verifier: verifier, now: c.Now,
		head: head{log: name}, wake: make(chan struct{}, 1), commitFor: c.AppendTimeout,
	}
	last, err := c.Store.Last(ctx, name)
	switch {
	case err == nil:
		if err := w.resume(ctx, last.Number); err != nil {
			return nil, err
		}
	case errors.Is(err, ErrNotFound):
		if err := w.begin(ctx, c.Key.Verifier()); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("audit: read the last page of %s: %w", name, err)
	}
	// Registered only now: a registered log always has a page, so that one without
	// any is evidence.
	if err := c.Store.Register(ctx, name); err != nil {
		return nil, fmt.Errorf("audit: register %s: %w", name, err)
	}
	return w, nil
}

// resume puts the head after the log's last page. It trusts the page before that
// one for everything older, and checks the last one against it: the last page
// alone cannot show that its own lines were changed.
func (w *writer) resume(ctx context.Context, last int64) error {
	from := max(last-1, 0)
	h := head{log: w.name, number: from}
	for p, err := range w.log.Pages(ctx, w.name, from) {
		if err == nil && p.Number == from && from > 0 {
			h, err = headAfter(p, w.verifier)
		} else if err == nil {
			h, _, err = h.follow(p, w.verifier)
		}
		var row *RowError
		switch {
		case errors.As(err, &row):
			return err
		case err != nil:
			return fmt.Errorf("audit: read the last pages of %s: %w", w.name, err)
		}
	}
	if h.number <= last {
		return &RowError{PageRow(w.name, h.number), "missing"}
	}
	w.head = h
	return nil
}

// begin writes the log's first page.
func (w *writer) begin(ctx context.Context, key VerifierKey) error {
	opened := Entry{Operation: Opened, Outcome: Granted, Reference: key.Text(KeyName)}
	page, after, err := w.head.next([]Entry{opened}, w.now(), w.signer)
	if err != nil {
		return err
	}
	ours, err := w.write(ctx, page)
	if err != nil {
		return fmt.Errorf("audit: open %s: %w", w.name, err)
	}
	if ours {
		w.head = after
	}
	return nil
}
