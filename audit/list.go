package audit

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// maxPages is how many pages, and blobs of the index, one List reads, at most but for a few.
const maxPages = 2000

// Index answers a reviewer's questions about entries. An answer is complete: it holds every entry
// whose Append returned before the question was asked. What was derived from pages is checked against the
// ledger's signature; entries that are not derived yet are found in the pages themselves.
//
// It is safe for concurrent use. A *RowError says that a stored row is missing or not what was written; any
// other error but ErrNotFound and ErrQuery is temporary, and asking again is safe.
type Index struct {
	reader Reader
	runs   *runReader

	mu    sync.Mutex
	stubs map[LogID]tlog.Tree // of stubs that a PRUNE explains
}

func newIndex(r Reader, keys *keyring) *Index {
	return &Index{reader: r, runs: newRunReader(r, keys), stubs: map[LogID]tlog.Tree{}}
}

// Entry returns one entry. ErrNotFound: there is none, or it was pruned.
func (x *Index) Entry(ctx context.Context, log LogID, index int64) (Entry, error) {
	last, err := lastPage(ctx, x.reader, log)
	if err != nil {
		return Entry{}, err
	}
	if index < 0 || index >= last.Size() {
		return Entry{}, ErrNotFound
	}
	p, err := pageUpTo(ctx, x.reader, last, index)
	if errors.Is(err, ErrNotFound) {
		err = x.gone(ctx, log, index)
	}
	if err == nil {
		p, err = x.checked(ctx, log, p.Number)
	}
	if err == nil && p.Stub {
		err = x.gone(ctx, log, index)
	}
	if err != nil {
		return Entry{}, err
	}
	entries, err := p.Entries()
	if err != nil {
		return Entry{}, err
	}
	return entries[index-p.First], nil
}

// List returns up to q.Limit entries that match, newest first. It reads at most about 2,000 pages. next, if
// not nil, is what Query.Before must be to go on; there may be more even if fewer than q.Limit were
// found.
func (x *Index) List(ctx context.Context, q Query) (found []Entry, next *Position, err error) {
	if err := q.Validate(); err != nil {
		return nil, nil, err
	}
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
		if !among(q.Logs, log) {
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

// source is the pages of a log that may match, newest first, and the next one of them. No two sources have
// pages of one time and log, so the ends of their next pages order all that is left.
type source struct {
	next    func() (candidate, error, bool)
	stop    func()
	wanted  func(line []byte) bool
	entries []Entry  // those that may match
	end     Position // after the entries; zero at the end of the log
}

// candidate is a page that may match. Passed says that it does not matter by itself: all after it were
// looked at.
type candidate struct {
	page   Page
	passed bool
}

// newSource returns the pages of a log that may hold what is asked for.
func (x *Index) newSource(ctx context.Context, log LogID, q Query, budget *int) (*source, error) {
	s := &source{next: func() (candidate, error, bool) { return candidate{}, nil, false }, stop: func() {}}
	w, err := x.window(ctx, log, q.From, q.until())
	if err != nil || w == nil {
		return s, err
	}
	s.wanted = q.wanted()
	scan := &scan{ctx: ctx, x: x, window: *w, budget: budget, conditions: q.conditions(log)}
	s.next, s.stop = iter.Pull2(scan.candidates)
	return s, s.advance()
}

func (s *source) advance() error {
	s.entries, s.end = nil, Position{}
	c, err, ok := s.next()
	if !ok || err != nil {
		return err
	}
	p := c.page
	s.end = Position{p.Time, p.Log, p.Size()}
	if c.passed {
		return nil
	}
	if len(p.Lines) == 0 {
		return p.fault("it has no entries")
	}
	s.entries, err = p.some(s.wanted)
	return err
}

// window is the part of a log that a question is about.
type window struct {
	log         LogID
	bottom, top Page  // the first and the last page
	size        int64 // of the log
	live        int64 // the first entry that was not pruned
}

// window returns the pages of a log from a time up to a position; a zero one is no bound. It returns nil if
// there are none.
func (x *Index) window(ctx context.Context, log LogID, from time.Time, until Position) (*window, error) {
	last, err := lastPage(ctx, x.reader, log)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first, err := stubOf(ctx, x.reader, log)
	if err != nil {
		return nil, err
	}
	if !first.Stub && first.Number != 0 {
		return nil, &RowError{PageRow(log, 0), "missing"}
	}
	begin, live := first.Number, int64(0)
	if first.Stub {
		if err := x.pruned(ctx, first); err != nil {
			return nil, err
		}
		begin, live = first.Number+1, first.First
	}
	// Where a scan ends, and which runs it needs, goes by these two pages.
	ends, err := x.pages(ctx, log, []int64{begin, last.Number})
	if err != nil {
		return nil, err
	}
	if ends[0].Stub || ends[1].Stub {
		return nil, errPrunedAway
	}
	w := &window{log: log, bottom: ends[0], top: ends[1], size: ends[1].Size(), live: live}
	late := func(p Page) bool { return until.Compare(Position{p.Time, log, p.First}) <= 0 }
	if !until.Time.IsZero() && late(w.top) {
		before, _, err := x.boundary(ctx, w.top, begin, late)
		if err != nil || before.Number < begin {
			return nil, err
		}
		w.top = before
	}
	if !from.After(w.bottom.Time) {
		return w, nil
	}
	if w.top.Time.Before(from) {
		return nil, nil
	}
	_, w.bottom, err = x.boundary(ctx, w.top, begin, func(p Page) bool { return !p.Time.Before(from) })
	return w, err
}

// boundary returns the first page from the number begin to last for which is holds, and the one before it;
// of number -1 if there is none. is must hold for last, and goes by the times of pages, which never go back. The
// search reads pages that nobody checks, so the two that it ends with are checked: between them there is
// nothing. The error is a *RowError if they are not where it must end.
func (x *Index) boundary(ctx context.Context, last Page, begin int64, is func(Page) bool) (before, first Page, err error) {
	before = Page{Number: -1}
	found, err := search(ctx, x.reader, last, is)
	if err != nil {
		return before, found, err
	}
	number := max(found.Number, begin)
	if first, err = x.checked(ctx, last.Log, number); err != nil {
		return before, first, err
	}
	if number > begin {
		if before, err = x.checked(ctx, last.Log, number-1); err != nil {
			return before, first, err
		}
	}
	if first.Stub || before.Stub {
		return before, first, errPrunedAway
	}
	if !is(first) || number > begin && is(before) {
		return before, first, first.fault("a page has another time than its entries")
	}
	return before, first, nil
}

// page returns a page. The error is a *RowError if it is not there.
func (x *Index) page(ctx context.Context, log LogID, number int64) (Page, error) {
	p, err := pageAt(ctx, x.reader, log, number)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Page{}, err
	}
	if err != nil || p.Number != number && !p.Stub {
		return Page{}, &RowError{PageRow(log, number), "missing"}
	}
	return p, nil
}
