package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Append makes the entry durable under a signed root, and returns the proof of that. It sets Ledger,
// Log, Index and Time of the entry.
//
// After any error the caller must not do what the entry would justify. ErrUnavailable: the entry
// may not be durable, because the deadline passed, too many entries wait or the ledger is closed.
// ErrEntry: the entry breaks the format, or is one that only the ledger itself writes, and was not
// written.
func (l *Ledger) Append(ctx context.Context, e Entry) (Durable, error) {
	r := l.AppendAll(ctx, []Entry{e})[0]
	return r.Durable, r.Err
}

// AppendAll appends several entries to one log, in their order, and returns one result for each.
func (l *Ledger) AppendAll(ctx context.Context, entries []Entry) []Result {
	results := make([]Result, len(entries))
	items := make([]*pending, 0, len(entries))
	for i, e := range entries {
		d, err := newDraft(e)
		if err == nil && e.Operation.own() {
			err = wrong("operation")
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		items = append(items, &pending{draft: d, at: i, done: make(chan struct{})})
	}
	if len(items) > 0 {
		l.appendItems(ctx, items, results)
	}
	return results
}

// appendItems gives the items to a writer, and waits for their results until the deadline of an append or
// until ctx is done. A timer costs less than a context of its own.
func (l *Ledger) appendItems(ctx context.Context, items []*pending, results []Result) {
	late := time.NewTimer(l.config.AppendTimeout)
	defer late.Stop()
	if err := l.enqueue(items); err != nil {
		l.note(err)
		for _, p := range items {
			results[p.at].Err = err
		}
		return
	}
	var ended error // why nothing is waited for any longer
	for _, p := range items {
		if ended == nil {
			select {
			case <-p.done:
			case <-late.C:
				ended = context.DeadlineExceeded
			case <-ctx.Done():
				ended = ctx.Err()
			}
		}
		results[p.at] = l.result(p, ended)
	}
}

// enqueue gives the items to a writer. A writer that has closed has a successor, unless the ledger is
// closed.
func (l *Ledger) enqueue(items []*pending) error {
	for {
		err := l.choose(len(items)).enqueue(items)
		if !errors.Is(err, errWriterClosed) || l.closed.Load() {
			return err
		}
	}
}

// result returns what became of an entry. Where there is no result and the wait for it has ended, an entry
// that no writer has taken is never written. One that was taken may be written later.
func (l *Ledger) result(p *pending, ended error) Result {
	select {
	case <-p.done:
		l.note(p.result.Err)
		return p.result
	default:
		p.taken.CompareAndSwap(false, true)
		l.note(ended)
		return Result{Err: fmt.Errorf("%w: %w", ErrUnavailable, l.lateness(ended))}
	}
}

// lateness adds to the end of an append's context what a writer waits for.
func (l *Ledger) lateness(ended error) error {
	for _, w := range *l.writers.Load() {
		if trouble := w.trouble.Load(); trouble != nil {
			return fmt.Errorf("%w: %w", ended, *trouble)
		}
	}
	return ended
}

// choose returns the writer of n more entries. Where fewer entries are under way than there are logs, an idle
// log for each costs little and answers soonest. Else callers share pages, and as many logs are written as the
// load asks for: the first ones of an order that stays the same as long as anything waits. A ledger with
// nothing to do begins with its next log, so that no writer loses sight of its log's end (staleAfter).
func (l *Ledger) choose(n int) *writer {
	writers := *l.writers.Load()
	if l.idle() {
		l.first.Add(1)
	}
	logs, first := len(writers), int(l.first.Load()%uint64(len(writers))) //nolint:gosec // few
	active := logs
	rate := l.demand.add(n)
	if underWay := rate * writers[first].took.Load() / int64(time.Second); underWay >= int64(logs) {
		active = min(logs, int(1+rate/logRate))
	}
	var best *writer
	for i := 0; i < logs && active > 0; i++ {
		w := writers[(first+i)%logs]
		if w.trouble.Load() != nil {
			continue // a commit whose outcome is not known may take long
		}
		if active--; best == nil || w.sooner(best) {
			best = w
		}
	}
	if best == nil {
		best = writers[first]
	}
	return best
}

// idle reports whether no entry waits and none is in flight.
func (l *Ledger) idle() bool {
	for _, w := range *l.writers.Load() {
		if w.waiting.Load() > 0 {
			return false
		}
	}
	return true
}
