package dynamolog

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// List implements audit.Index. A query for a subject or a caller reads the pages
// that the derived rows name, and all pages from the watermark on; any other
// reads the pages backwards from the newest that can match.
func (s *Store) List(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	done, err := s.review(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	logs, err := s.Logs(ctx)
	if err != nil {
		return nil, err
	}
	indexed := q.ModifiedValue != "" || q.Caller != ""
	marks := map[string]int64{}
	var sources []*source
	var all span
	for _, log := range logs {
		x, err := s.extentOf(ctx, log)
		if errors.Is(err, audit.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all.widen(x.span)
		if !indexed && (x.newest.Before(q.From) || !latest(q).IsZero() && x.oldest.After(latest(q))) {
			continue
		}
		bottom, top := int64(0), x.last.Number
		if indexed {
			bottom, marks[log] = x.mark, x.mark
		} else if top, err = s.newestUpTo(ctx, x.last, latest(q)); err != nil {
			return nil, err
		}
		sources = append(sources, &source{pages: s.back(ctx, log, top, bottom, q.From), at: x.newest})
	}
	if indexed {
		sources = append(sources, &source{pages: s.named(ctx, q, marks, all), at: all.newest})
	}
	return collect(q, sources)
}

// latest is the time after which nothing matches; zero if there is none.
func latest(q audit.Query) time.Time {
	if q.Before != nil && (q.To.IsZero() || q.Before.Time.Before(q.To)) {
		return q.Before.Time
	}
	return q.To
}

// span is the time from the oldest page to the newest.
type span struct{ oldest, newest time.Time }

func (sp *span) widen(o span) {
	if sp.oldest.IsZero() || o.oldest.Before(sp.oldest) {
		sp.oldest = o.oldest
	}
	if o.newest.After(sp.newest) {
		sp.newest = o.newest
	}
}

// extent is how far a log reaches.
type extent struct {
	span
	last audit.Page
	mark int64 // the watermark
}

// extentOf returns the extent of a log. That of a log which is closed and derived to its
// end is kept: after some years nearly all logs are such.
func (s *Store) extentOf(ctx context.Context, log string) (extent, error) {
	s.mu.Lock()
	x, known := s.closed[log]
	s.mu.Unlock()
	if known {
		return x, nil
	}
	var err error
	// The watermark is read before the last page: what is below it is in the derived
	// rows, and what comes after it is read from the pages.
	if x.mark, err = s.watermark(ctx, log); err != nil {
		return x, err
	}
	if x.last, err = s.Last(ctx, log); err != nil {
		return x, err
	}
	first := x.last
	if first.Number != 0 {
		if first, err = s.page(ctx, log, 0); err != nil {
			return x, err
		}
	}
	if x.oldest, err = timeOf(first); err != nil {
		return x, err
	}
	if x.newest, err = timeOf(x.last); err != nil {
		return x, err
	}
	if end, err := x.last.Entry(x.last.Size() - 1); err == nil && end.Operation == audit.Closed && x.mark > x.last.Number {
		s.mu.Lock()
		s.closed[log] = x
		s.mu.Unlock()
	}
	return x, nil
}

// errPruned says that a page has lost the lines that would tell its time.
var errPruned = errors.New("dynamolog: the page was pruned")

// timeOf returns the one time that all entries of a page have.
func timeOf(p audit.Page) (time.Time, error) {
	bad := &audit.RowError{Row: audit.PageRow(p.Log, p.Number), Problem: "its first line is not a valid entry"}
	if len(p.Lines) == 0 {
		return time.Time{}, bad
	}
	if p.Lines[0] == nil && p.Pruned {
		return time.Time{}, errPruned
	}
	e, err := audit.Parse(p.Lines[0])
	if err != nil {
		return time.Time{}, bad
	}
	return e.Time, nil
}

// newestUpTo returns the number of the newest page that is not later than a
// time, or -1. Page times never go back, so a binary search finds it.
func (s *Store) newestUpTo(ctx context.Context, last audit.Page, at time.Time) (int64, error) {
	if at.IsZero() {
		return last.Number, nil
	}
	n, err := s.search(ctx, last, func(p audit.Page) (bool, error) {
		t, err := timeOf(p)
		return t.After(at), err
	})
	if errors.Is(err, errPruned) {
		return last.Number, nil // later pages are read as well; their entries do not match
	}
	return n, err
}

// search returns the number of the last page before the first one that is
// beyond; -1 if all are.
func (s *Store) search(ctx context.Context, last audit.Page, beyond func(audit.Page) (bool, error)) (int64, error) {
	var failed error
	n := sort.Search(int(last.Number)+1, func(i int) bool {
		if failed != nil {
			return true
		}
		p := last
		if int64(i) != last.Number {
			p, failed = s.page(ctx, last.Log, int64(i))
		}
		var is bool
		if failed == nil {
			is, failed = beyond(p)
		}
		return is
	})
	return int64(n) - 1, failed
}

// back yields the pages of a log from number top down to bottom, as long as they
// are not older than oldest.
func (s *Store) back(ctx context.Context, log string, top, bottom int64, oldest time.Time) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		if top < bottom {
			return
		}
		for p, err := range s.pages(ctx, log, top, false) {
			if err == nil && p.Number < bottom {
				return
			}
			var at time.Time
			if err == nil {
				at, err = timeOf(p)
			}
			if errors.Is(err, errPruned) {
				at, err = oldest, nil // it may hold a line that was kept
			}
			if err == nil && at.Before(oldest) {
				return
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// named yields the pages below the watermarks that the derived rows name, newest
// first.
func (s *Store) named(ctx context.Context, q audit.Query, marks map[string]int64, sp span) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		for partition := range partitions(q, sp) {
			for it, err := range s.rows(ctx, partition, upTo(latest(q)), false) {
				var p audit.Page
				if err == nil {
					log, okLog := textOf(it, "log")
					n, okPage := numberOf(it, "page")
					if !okLog || !okPage {
						err = badRow(it)
					} else if n >= marks[log] {
						continue // back reads it
					} else {
						p, err = s.page(ctx, log, n)
					}
				}
				if !yield(p, err) || err != nil {
					return
				}
			}
		}
	}
}

func badRow(it item) *audit.RowError {
	return &audit.RowError{Row: rowOf(it), Problem: "it does not agree with the pages"}
}

func rowOf(it item) string {
	partition, _ := textOf(it, "partition")
	number, _ := decimalOf(it, "number")
	return rowName(partition, number)
}

// partitions yields the partitions of derived rows that a query needs, newest first.
func partitions(q audit.Query, sp span) iter.Seq[string] {
	return func(yield func(string) bool) {
		if q.ModifiedValue != "" {
			yield(subjectPartition(q.ModifiedValue))
			return
		}
		day, oldest := sp.newest, sp.oldest
		if at := latest(q); !at.IsZero() && at.Before(day) {
			day = at
		}
		if q.From.After(oldest) {
			oldest = q.From
		}
		for day = day.Truncate(24 * time.Hour); !day.Before(oldest.Truncate(24 * time.Hour)); day = day.AddDate(0, 0, -1) {
			if !yield(callerPartition(q.Caller, day)) {
				return
			}
		}
	}
}

// collect merges sources that each yield pages newest first.
func collect(q audit.Query, sources []*source) ([]audit.Entry, error) {
	for _, s := range sources {
		var stop func()
		s.next, stop = iter.Pull2(s.pages)
		defer stop()
	}
	var found []audit.Entry
	for len(found) < q.Limit && len(sources) > 0 {
		at := slices.MaxFunc(sources, func(a, b *source) int { return a.at.Compare(b.at) }).at
		if at.IsZero() || at.Before(q.From) {
			break
		}
		// Only times order the sources, so all of one time are sorted together.
		var group []audit.Entry
		for _, s := range sources {
			for s.at.Equal(at) {
				group = append(group, s.entries...)
				if err := s.advance(); err != nil {
					return nil, err
				}
			}
		}
		group = slices.DeleteFunc(group, func(e audit.Entry) bool { return !q.Match(e) })
		slices.SortFunc(group, func(a, b audit.Entry) int { return b.Position().Compare(a.Position()) })
		found = append(found, group...)
	}
	return found[:min(q.Limit, len(found))], nil
}

// source is a sequence of pages, and the next one of it. Before the first is read, at
// is a time that none of them is after: a log of another time need not be read at all.
type source struct {
	pages   iter.Seq2[audit.Page, error]
	next    func() (audit.Page, error, bool)
	entries []audit.Entry
	at      time.Time // zero at the end
}

func (s *source) advance() error {
	s.entries, s.at = nil, time.Time{}
	for {
		p, err, ok := s.next()
		if !ok || err != nil {
			return err
		}
		entries, err := p.Entries()
		switch {
		case err != nil:
			return err
		case len(entries) > 0:
			s.entries, s.at = entries, entries[0].Time
			return nil
		case !p.Pruned:
			return &audit.RowError{Row: audit.PageRow(p.Log, p.Number), Problem: "it has no entries"}
		}
	}
}

// Entry implements audit.Index: a binary search over the pages.
func (s *Store) Entry(ctx context.Context, log string, index int64) (audit.Entry, error) {
	done, err := s.review(ctx)
	if err != nil {
		return audit.Entry{}, err
	}
	defer done()
	last, err := s.Last(ctx, log)
	if err != nil {
		return audit.Entry{}, err
	}
	if index < 0 || index >= last.Size() {
		return audit.Entry{}, audit.ErrNotFound
	}
	n, err := s.search(ctx, last, func(p audit.Page) (bool, error) { return p.First > index, nil })
	if err != nil {
		return audit.Entry{}, err
	}
	p := last
	if n != last.Number {
		if p, err = s.page(ctx, log, n); err != nil {
			return audit.Entry{}, err
		}
	}
	if index < p.First || index >= p.Size() {
		return audit.Entry{}, &audit.RowError{Row: audit.PageRow(log, n), Problem: "its entries are not those of its number"}
	}
	return p.Entry(index)
}
