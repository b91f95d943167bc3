package audit

import (
	"context"
	"iter"
	"slices"
	"sort"

	"golang.org/x/mod/sumdb/tlog"
)

// backChunk is how many pages are read at once where pages are wanted newest first.
const backChunk = 32

// back yields the pages of a log from the number top down to its beginning, newest first.
func back(ctx context.Context, s PageReader, log LogID, top int64) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		for chunk := int64(1); top >= 0; chunk = min(2*chunk, backChunk) { // most often the newest is enough
			from := max(top-chunk+1, 0)
			pages, err := some(ctx, s, log, from, top)
			if err != nil {
				yield(Page{}, err)
				return
			}
			for _, p := range slices.Backward(pages) {
				if p.Number != top { // a gap: less than all is no answer
					yield(Page{}, &RowError{PageRow(log, top), "missing"})
					return
				}
				if !yield(p, nil) || p.Stub { // what is below a stub was pruned
					return
				}
				top--
			}
			if top >= from {
				yield(Page{}, &RowError{PageRow(log, top), "missing"})
				return
			}
		}
	}
}

// some returns the pages of a log with the numbers from to top.
func some(ctx context.Context, s PageReader, log LogID, from, top int64) ([]Page, error) {
	var pages []Page
	for p, err := range s.Pages(ctx, log, from) {
		if err != nil {
			return nil, err
		}
		if p.Number > top {
			break
		}
		if p.Number < from || len(pages) > 0 && p.Number <= pages[len(pages)-1].Number {
			return nil, p.fault("out of order")
		}
		if pages = append(pages, p); p.Number == top {
			break
		}
	}
	return pages, nil
}

// lastPage returns the last page of a log, as PageReader.Last. A page whose numbers no page can have is
// a *RowError, so that nobody computes with them.
func lastPage(ctx context.Context, s PageReader, log LogID) (Page, error) {
	p, err := s.Last(ctx, log)
	if err == nil && (p.Log != log || p.Number < 0 || p.Number > maxIndex || p.First < 0 || p.First > maxIndex || p.Size() < 1) {
		return Page{}, &RowError{PageRow(log, p.Number), "it has a number or a size that no page has"}
	}
	return p, err
}

// pageAt returns the page of a log with a number, or the first one after it.
func pageAt(ctx context.Context, s PageReader, log LogID, number int64) (Page, error) {
	for p, err := range s.Pages(ctx, log, number) {
		return p, err
	}
	return Page{}, ErrNotFound
}

// search returns the first page of a log for which is holds, by a binary search over the pages up to
// last, for which it must hold. What was pruned counts as before all others.
func search(ctx context.Context, s PageReader, last Page, is func(Page) bool) (Page, error) {
	var failed error
	found := last
	sort.Search(int(last.Number), func(i int) bool {
		if failed != nil {
			return true
		}
		p, err := pageAt(ctx, s, last.Log, int64(i))
		switch {
		case err != nil:
			failed = err
			return true
		case is(p) && p.Number <= found.Number:
			found = p
			return true
		}
		return false
	})
	return found, failed
}

// searchEntry is search for the page that has an entry, which last must not come before. Pages often have about the
// same number of entries, so it looks where the entry would be if all had, and every third time in the middle.
func searchEntry(ctx context.Context, s PageReader, last Page, index int64) (Page, error) {
	found, low, lowFirst := last, int64(0), int64(0)
	for step, high := 0, last.Number; low < high && found.First > index; step++ {
		at := low + (high-low)/2
		if span := found.First - lowFirst; step%3 < 2 && span > 0 {
			at = low + int64(float64(index-lowFirst)/float64(span)*float64(high-low))
			at = min(max(at, low), high-1)
		}
		p, err := pageAt(ctx, s, last.Log, at)
		if err != nil {
			return Page{}, err
		}
		if p.Size() <= index {
			low, lowFirst = max(at, p.Number)+1, p.Size()
			continue
		}
		if high = at; p.Number <= found.Number {
			found = p
		}
	}
	return found, nil
}

// pageOf returns the page that holds an entry. ErrNotFound: the log has no such entry, or it was
// pruned.
func pageOf(ctx context.Context, s PageReader, log LogID, index int64) (Page, error) {
	last, err := lastPage(ctx, s, log)
	if err != nil {
		return Page{}, err
	}
	if index < 0 || index >= last.Size() {
		return Page{}, ErrNotFound
	}
	return pageUpTo(ctx, s, last, index)
}

// pageUpTo is pageOf for an entry that a log up to its page last has, or had before it was pruned.
func pageUpTo(ctx context.Context, s PageReader, last Page, index int64) (Page, error) {
	p, err := searchEntry(ctx, s, last, index)
	switch {
	case err != nil:
		return Page{}, err
	case p.First > index && p.Number > 0:
		return Page{}, ErrNotFound
	case p.First > index || p.Size() <= index:
		return Page{}, p.fault("its entries are not those of its number")
	}
	return p, nil
}

// Lines returns the lines of count entries from the index first on. ErrNotFound: the log has fewer
// entries, or one of these was pruned.
func Lines(ctx context.Context, s PageReader, log LogID, first, count int64) ([][]byte, error) {
	p, err := pageOf(ctx, s, log, first)
	if err != nil {
		return nil, err
	}
	lines := make([][]byte, 0, count)
	for p, err := range s.Pages(ctx, log, p.Number) {
		if err != nil {
			return nil, err
		}
		if p.Stub {
			break
		}
		if p.First > first {
			return nil, p.fault("the page before it does not end where it begins")
		}
		have := p.Lines[min(first-p.First, int64(len(p.Lines))):]
		have = have[:min(int64(len(have)), count-int64(len(lines)))]
		lines = append(lines, have...)
		if first += int64(len(have)); int64(len(lines)) == count {
			return lines, nil
		}
	}
	return nil, ErrNotFound
}

// leaves returns the leaf hashes of count entries from the index first on. Of those that were pruned
// it has only the ones that the log's stub keeps. ErrNotFound: there are no such hashes.
func leaves(ctx context.Context, s PageReader, log LogID, first, count int64) ([]tlog.Hash, error) {
	if count == 0 {
		return nil, nil
	}
	var all []tlog.Hash
	if stub, err := stubOf(ctx, s, log); err != nil {
		return nil, err
	} else if stub.Stub && first < stub.First {
		at := int64(len(stub.Leaves)) - (stub.First - first)
		if at < 0 {
			return nil, ErrNotFound
		}
		all = slices.Clone(stub.Leaves[at:])
		if int64(len(all)) >= count {
			return all[:count], nil
		}
		first, count = stub.First, count-int64(len(all))
	}
	lines, err := Lines(ctx, s, log, first, count)
	for _, line := range lines {
		all = append(all, LeafHash(line))
	}
	return all, err
}

// stubOf returns the stub with which a pruned log begins. Of a log that was not pruned it returns
// another page, or none.
func stubOf(ctx context.Context, s PageReader, log LogID) (Page, error) {
	first := Page{Number: -1}
	for p, err := range s.Pages(ctx, log, 0) {
		if err != nil {
			return Page{}, err
		}
		if p.Number <= first.Number {
			return Page{}, p.fault("out of order")
		}
		if p.Stub || p.Number == 0 {
			return p, nil
		}
		first = p // a leftover of pruning: the stub comes after it
	}
	return first, nil
}
