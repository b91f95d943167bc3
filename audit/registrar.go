package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// registrar writes the spine. Several servers may: each takes the pages of the others before its own.
type registrar struct {
	mu sync.Mutex // of the appender
	*appender
	known  atomic.Pointer[head]  // the spine's end as this process knows it
	broken atomic.Pointer[error] // why the last CHECKPOINT cannot be written; nil if it can
}

// at returns the spine's end as this process knows it. It waits for nobody.
func (r *registrar) at() head { return *r.known.Load() }

// tell publishes where the appender is.
func (r *registrar) tell() { h := r.head; r.known.Store(&h) }

// update takes the pages that other servers have written.
func (r *registrar) update(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.tell()
	return r.try(ctx, r.catchUp)
}

// append writes one entry, which is made anew from the spine's end whenever another server's page
// came first. An entry without an operation means that there is nothing to write.
func (r *registrar) append(ctx context.Context, make func(h head) (Entry, error)) (Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.tell()
	if err := r.try(ctx, r.catchUp); err != nil {
		return Receipt{}, err
	}
	for {
		e, err := make(r.head)
		if err != nil || e.Operation == "" {
			return Receipt{}, err
		}
		page, after, err := r.single(e)
		if err != nil {
			return Receipt{}, err
		}
		ours, err := r.write(ctx, page)
		if err != nil {
			return Receipt{}, fmt.Errorf("audit: write to the spine: %w", err)
		}
		if ours {
			r.head = after
			e = page.entries[0]
			return Receipt{e.Log, e.Index, e.Time, LeafHash(page.Lines[0])}, nil
		}
	}
}

// checkpoint puts the trees of all logs into the spine, if one has grown: those that the spine lists,
// and the new ones.
func (l *Ledger) checkpoint(ctx context.Context, opened ...LogTree) error {
	_, err := l.spine.append(ctx, func(h head) (Entry, error) {
		var trees []LogTree
		for _, t := range h.spine.trees {
			now, err := l.lastTree(ctx, h, t)
			if err != nil {
				return Entry{}, err
			}
			trees = append(trees, LogTree{t.Log, now})
		}
		for _, o := range opened {
			if _, there := h.spine.tree(o.Log); !there {
				trees = append(trees, o)
			}
		}
		slices.SortFunc(trees, func(a, b LogTree) int { return int(a.Log - b.Log) })
		if slices.Equal(trees, h.spine.trees) {
			return Entry{}, nil
		}
		return Entry{Operation: Checkpoint, Outcome: Granted, Checkpoint: formatTrees(trees)}, nil
	})
	return err
}

// lastTree returns the tree of a listed log now. It takes it only from a page whose signature holds,
// and never one that lost entries which the spine lists.
func (l *Ledger) lastTree(ctx context.Context, spine head, listed LogTree) (tlog.Tree, error) {
	var last Page
	err := l.spine.try(ctx, func(ctx context.Context) (err error) { last, err = lastPage(ctx, l.store, listed.Log); return err })
	switch {
	case errors.Is(err, ErrNotFound):
		return tlog.Tree{}, &RowError{PageRow(listed.Log, 0), "missing, though the spine lists the log"}
	case err != nil:
		return tlog.Tree{}, fmt.Errorf("audit: read the last page of log %s: %w", listed.Log, err)
	}
	h, err := headAfter(last, l.name, spine.key)
	switch {
	case err != nil:
		return tlog.Tree{}, err
	case h.size < listed.N:
		return tlog.Tree{}, &RowError{EntryRow(listed.Log, h.size), "missing: the spine lists more of the log"}
	}
	return h.tree(), nil
}

// keepSpine writes a CHECKPOINT each period, until ctx is done. Of several servers the one that holds
// the spine's lease does.
func (l *Ledger) keepSpine(ctx context.Context) {
	tick := time.NewTicker(l.config.Period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.config.Leases != nil {
			if held, err := l.lease(ctx, Spine, 2*l.config.Period); err != nil || !held {
				continue
			}
		}
		l.notePeriod(ctx, l.checkpoint(ctx)) // the next period tries again
	}
}

// notePeriod remembers how a period's CHECKPOINT ended. A log that lost what the spine lists makes the
// ledger not ready; that the store fails for a while does not, as each append finds that out itself.
func (l *Ledger) notePeriod(ctx context.Context, err error) {
	var row *RowError
	switch {
	case ctx.Err() != nil:
		return
	case errors.As(err, &row), errors.Is(err, ErrRotated), errors.Is(err, ErrRenamed):
		l.spine.broken.Store(&err)
	case err == nil:
		l.spine.broken.Store(nil)
	}
	if err != nil {
		l.config.Report(err)
	}
}

// newestCheckpoint returns the newest page of the spine, up to last, that holds a CHECKPOINT; the first one
// if none does.
func newestCheckpoint(ctx context.Context, s PageReader, last Page) (found Page, err error) {
	for p, err := range back(ctx, s, Spine, last.Number) {
		if err != nil {
			return Page{}, err
		}
		entries, err := p.Entries()
		if err != nil {
			return Page{}, err
		}
		found = p
		if slices.ContainsFunc(entries, func(e Entry) bool { return e.Operation == Checkpoint }) {
			break
		}
	}
	return found, nil
}
