package audit

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// maxPages is how many pages one List reads, at most.
const maxPages = 2000

// Index answers a reviewer's questions about entries. An answer is complete: it holds every entry
// whose Append returned before the question was asked.
//
// It is safe for concurrent use. A *RowError says that a stored row is not what was written; any
// other error but ErrNotFound is temporary, and asking again is safe.
type Index struct{ reader Reader }

// Entry returns one entry. ErrNotFound: there is none, or it was pruned.
func (x Index) Entry(ctx context.Context, log LogID, index int64) (Entry, error) {
	p, err := pageOf(ctx, x.reader, log, index)
	if err != nil {
		return Entry{}, err
	}
	entries, err := p.Entries()
	if err != nil {
		return Entry{}, err
	}
	return entries[index-p.First], nil
}

// List returns up to q.Limit entries that match, newest first. It reads at most 2,000 pages. next, if
// not nil, is what Query.Before must be to go on; there may be more even if fewer than q.Limit were
// found. Entries of the spine are found by their operation only.
func (x Index) List(ctx context.Context, q Query) (found []Entry, next *Position, err error) {
	logs, err := Logs(ctx, x.reader)
	if err != nil {
		return nil, nil, err
	}
	var sources []*source
	defer func() {
		for _, s := range sources {
			s.stop()
		}
	}()
	budget := maxPages
	for _, log := range logs {
		if log == Spine && q.Operation == "" {
			continue
		}
		s, err := x.newSource(ctx, log, q, &budget)
		if err != nil {
			return nil, nil, err
		}
		sources = append(sources, s)
	}
	for len(sources) > 0 {
		s := slices.MaxFunc(sources, func(a, b *source) int { return a.end.Compare(b.end) })
		if s.end.Time.IsZero() || s.end.Time.Before(q.From) {
			break
		}
		if budget <= 0 {
			return found, &s.end, nil
		}
		for _, e := range slices.Backward(s.entries) {
			if !q.Match(e) {
				continue
			}
			if found = append(found, e); len(found) == q.Limit {
				last := e.Position()
				return found, &last, nil
			}
		}
		if err := s.advance(); err != nil {
			return nil, nil, err
		}
	}
	return found, nil, nil
}

// source is the pages of a log, newest first, and the next one of them. No two sources have pages of
// one time and log, so the ends of their next pages order all that is left.
type source struct {
	next    func() (Page, error, bool)
	stop    func()
	budget  *int // pages that may still be read, by all sources of one question
	entries []Entry
	end     Position // after the entries; zero at the end of the log
}

// newSource returns the pages of a log that may hold what is asked for.
func (x Index) newSource(ctx context.Context, log LogID, q Query, budget *int) (*source, error) {
	last, err := lastPage(ctx, x.reader, log)
	s := &source{next: func() (Page, error, bool) { return Page{}, nil, false }, stop: func() {}, budget: budget}
	if errors.Is(err, ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	top := last.Number
	if until := q.until(); !until.Time.IsZero() {
		late := func(p Page) bool { return until.Compare(Position{p.Time, log, p.First}) <= 0 }
		if late(last) {
			p, err := search(ctx, x.reader, last, late)
			if err != nil {
				return nil, err
			}
			top = p.Number - 1
		}
	}
	s.next, s.stop = iter.Pull2(back(ctx, x.reader, log, top))
	return s, s.advance()
}

func (s *source) advance() error {
	s.entries, s.end = nil, Position{}
	p, err, ok := s.next()
	if !ok || err != nil || p.Stub {
		return err
	}
	*s.budget--
	entries, err := p.Entries()
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return p.fault("it has no entries")
	}
	s.entries, s.end = entries, Position{p.Time, p.Log, p.Size()}
	return nil
}
