package audit

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
)

// scan looks through the window of a log, newest first.
type scan struct {
	ctx context.Context
	x   *Index
	window
	conditions [][]uint32 // as of Query.conditions
	budget     *int       // pages and blobs that may still be read, by all scans of one question
	lowest     int64      // pages from here on were looked at
	yield      func(candidate, error) bool
}

// candidates yields the pages of the window that may match. The newest entries, which no run has, and the
// oldest, whose run begins with what was pruned, are found by looking at each page.
func (s *scan) candidates(yield func(candidate, error) bool) {
	s.yield, s.lowest = yield, s.top.Number+1
	if len(s.conditions) == 0 {
		s.each(0)
		return
	}
	runs, err := s.x.runs.cover(s.ctx, s.log, s.size, s.live, s.top.Size())
	if err != nil {
		yield(candidate{}, err)
		return
	}
	if s.top.Size() > runs.at && !s.each(runs.at) {
		return
	}
	for most := 1; runs.at > s.bottom.First; most = min(4*most, maxBlobsAt) {
		batch, err := s.x.runs.batch(s.ctx, s.log, runs, most, s.bottom.First)
		if err != nil {
			yield(candidate{}, err)
			return
		}
		if len(batch) == 0 { // no run is left
			s.each(0)
			return
		}
		if !s.in(batch) {
			return
		}
	}
}

// each yields the pages from the lowest one that was looked at down to the one that holds an entry, or
// begins after it. It returns false if the scan is to end.
func (s *scan) each(entry int64) bool {
	var held *Page // it is checked against the page before it
	bound := false
	for p, err := range back(s.ctx, s.x.reader, s.log, s.lowest-1) {
		if err != nil {
			s.yield(candidate{}, err)
			return false
		}
		if held != nil {
			if !s.yieldChecked(p, *held, bound) {
				return false
			}
			bound = true
			if held.First <= entry {
				return s.lowest > s.bottom.Number
			}
		}
		if held = &p; p.Stub || p.Number < s.bottom.Number {
			return false
		}
	}
	if held != nil { // the log's first page
		s.yieldChecked(Page{}, *held, bound)
	}
	return false
}

func (s *scan) yieldChecked(before, p Page, bound bool) bool {
	err := s.x.check(s.ctx, before, p, bound)
	*s.budget--
	s.lowest = p.Number
	return s.yield(candidate{page: p}, err) && err == nil
}

// in yields the pages of runs of one tier, newest first, that may match.
func (s *scan) in(runs []*indexRun) bool {
	lists, err := s.x.lists(s.ctx, runs, s.conditions, s.budget)
	if err != nil {
		s.yield(candidate{}, err)
		return false
	}
	for i, r := range runs {
		if lists[i].below {
			if !s.below(r) {
				return false
			}
			continue
		}
		if !s.pages(r, lists[i].pages) {
			return false
		}
		// What is left of the run's first page is before the run: the next run has it, or it is looked at.
		s.lowest = min(s.lowest, r.first+1)
		if *s.budget <= 0 && !s.pass(r.first) {
			return false
		}
	}
	return true
}

// below looks into the runs that make up one.
func (s *scan) below(r *indexRun) bool {
	t := r.tier - 1
	fan := tierOf[r.tier].fan
	below := numbers(r.number*fan, (r.number+1)*fan)
	slices.Reverse(below)
	runs, err := s.x.runs.some(s.ctx, s.log, t, below)
	if err != nil {
		s.yield(candidate{}, err)
		return false
	}
	for most := 1; len(runs) > 0; most *= 4 {
		n := min(most, len(runs))
		if !s.in(runs[:n]) {
			return false
		}
		runs = runs[n:]
	}
	return true
}

// pass tells how far the scan is where it found nothing for long.
func (s *scan) pass(number int64) bool {
	p, err := s.x.checked(s.ctx, s.log, number)
	if err == nil && p.Stub { // it was pruned meanwhile
		return false
	}
	return s.yield(candidate{page: p, passed: true}, err)
}

// sideBySide is how many pages one question reads at the same time.
const sideBySide = 4

// pages yields pages of a run, which are counted from its first.
func (s *scan) pages(r *indexRun, spans []span) bool {
	var want []int64 // newest first
	for _, sp := range slices.Backward(spans) {
		for n := min(r.first+sp.last, s.lowest-1); n >= max(r.first+sp.first, s.bottom.Number); n-- {
			want = append(want, n)
		}
	}
	for most := 1; len(want) > 0; most = min(2*most, sideBySide) {
		some := want[:min(most, len(want))]
		want = want[len(some):]
		pages, err := s.x.pages(s.ctx, s.log, some)
		if err != nil {
			s.yield(candidate{}, err)
			return false
		}
		*s.budget -= len(some)
		for i, p := range pages {
			if p.Number != some[i] || p.Stub {
				return false // it was pruned meanwhile
			}
			if !s.yield(candidate{page: p}, nil) {
				return false
			}
			s.lowest = p.Number
		}
	}
	return true
}

// pages returns pages of a log that hold, one for each number.
func (x *Index) pages(ctx context.Context, log LogID, numbers []int64) ([]Page, error) {
	pages := make([]Page, len(numbers))
	if len(numbers) == 1 {
		p, err := x.checked(ctx, log, numbers[0])
		pages[0] = p
		return pages, err
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range numbers {
		group.Go(func() (err error) {
			pages[i], err = x.checked(ctx, log, n)
			return err
		})
	}
	return pages, group.Wait()
}
