package audit

import (
	"encoding/binary"
	"errors"
	"slices"
)

// posting says which pages of a run have a term.
type posting struct {
	term  uint32 // as far as its bucket does not say it
	below bool   // the pages are too many to list here: the runs of the tier below say which
	pages []span // in order, not touching each other
}

// span is the pages from first to last, counted from the first page of the run.
type span struct{ first, last int64 }

// A list or a bucket that is longer says only to look below, so that no term and no choice of terms
// makes a blob of a higher tier large. The lowest tier has all lists; its runs are too short for more
// than 80 KB.
var (
	maxList   = 1 << 10 // bytes of the pages of a term
	maxBucket = 64 << 10
)

// addPage appends pages that come after those of the posting, or are the last of them.
func (p *posting) add(s span) {
	if n := len(p.pages); n > 0 && s.first <= p.pages[n-1].last+1 {
		p.pages[n-1].last = max(s.last, p.pages[n-1].last)
		return
	}
	p.pages = append(p.pages, s)
}

// encodeBucket writes the postings of a bucket, sorted by their terms: a count that is 0 for a bucket
// that says to look below, and else one more than the postings. Each is the distance of its term from the
// one before, the number of spans, which is 0 for a posting that says to look below, and the spans. All
// numbers are unsigned varints. bounded says that the tier is not the lowest.
func encodeBucket(postings []posting, bounded bool) []byte {
	b := binary.AppendUvarint(make([]byte, 0, 8+8*len(postings)), uint64(len(postings))+1)
	last := int64(-1)
	for _, p := range postings {
		b = binary.AppendUvarint(b, uint64(int64(p.term)-last-1)) //nolint:gosec // terms are sorted
		last = int64(p.term)
		start := len(b)
		if !p.below {
			b = appendSpans(b, p.pages)
		}
		if p.below || bounded && len(b)-start > maxList {
			b = append(b[:start], 0)
		}
	}
	if bounded && len(b) > maxBucket {
		return []byte{0}
	}
	return b
}

// appendSpans writes the number of spans, and of each its distance from the one before: shifted by one
// bit, which is set where a length less 2 follows because the span has more than one page.
func appendSpans(b []byte, spans []span) []byte {
	b = binary.AppendUvarint(b, uint64(len(spans)))
	next := int64(0)
	for _, s := range spans {
		v := uint64(s.first-next) << 1 //nolint:gosec // spans are sorted
		if s.last == s.first {
			b = binary.AppendUvarint(b, v)
		} else {
			b = binary.AppendUvarint(b, v|1)
			b = binary.AppendUvarint(b, uint64(s.last-s.first-1)) //nolint:gosec // as above
		}
		next = s.last + 2 // pages that touch are one span
	}
	return b
}

// errBlob says that bytes are not those that a derived blob has.
var errBlob = errors.New("audit: not a blob of the index")

// findPages returns the pages of one term of a bucket. It does not read what comes after it.
func findPages(data []byte, t tier, pages int64, rest uint32) (found []span, below bool, err error) {
	some := false
	_, below, err = scanBucket(data, t, pages, nil, func(term uint32) bool { return term == rest }, func(p posting) bool {
		if p.term == rest {
			found, some = p.pages, p.below
		}
		return p.term < rest
	})
	return found, below || some, err
}

// scanBucket reads what encodeBucket writes for a run of so many pages, and nothing else. It calls take with the
// postings, with the pages of those that are wanted, until it returns false. The pages are appended to
// spans, which is returned. below says to look below for every term of the bucket, which the lowest
// tier never does.
func scanBucket(data []byte, t tier, pages int64, spans []span, wanted func(term uint32) bool, take func(posting) bool) (all []span, below bool, err error) {
	r := varints{data}
	n := r.next(uint64(len(data)) + 1)
	if n == 0 && t.fan > 0 {
		return spans, true, r.end()
	}
	if n == 0 {
		return spans, false, errBlob
	}
	next := uint64(0)
	for range n - 1 {
		term := next + r.next(uint64(t.mask()))
		if r.data == nil || term > uint64(t.mask()) {
			return spans, false, errBlob
		}
		p := posting{term: uint32(term)} //nolint:gosec // at most the mask
		from := len(spans)
		if spans, p.below = r.spans(spans, pages, wanted(p.term)); r.data == nil || p.below && t.fan == 0 {
			return spans, false, errBlob
		}
		p.pages = spans[from:len(spans):len(spans)]
		if !take(p) {
			return spans, false, nil
		}
		next = term + 1
	}
	return spans, false, r.end()
}

// spans reads what appendSpans writes, and appends it to spans if wanted. below: there are none.
func (r *varints) spans(spans []span, pages int64, wanted bool) (all []span, below bool) {
	count := r.next(uint64(pages)) //nolint:gosec // not negative
	next := int64(0)
	for range count {
		v := r.next(uint64(pages)<<1 | 1) //nolint:gosec // not negative
		s := span{first: next + int64(v>>1)}
		s.last = s.first
		if v&1 == 1 {
			s.last += 1 + int64(r.next(uint64(pages))) //nolint:gosec // bounded
		}
		if r.data == nil || s.last >= pages {
			r.data = nil
			return nil, false
		}
		if next = s.last + 2; wanted {
			spans = append(spans, s)
		}
	}
	return spans, count == 0
}

// varints reads unsigned varints of the shortest form. data is nil after a fault.
type varints struct{ data []byte }

// next reads a number of at most most; it is 0 after a fault.
func (r *varints) next(most uint64) uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > most || n > 1 && r.data[n-1] == 0 {
		r.data = nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

// bytes reads so many bytes.
func (r *varints) bytes(n int) []byte {
	if r.data == nil || n > len(r.data) {
		r.data = nil
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// end returns an error if there was a fault, or if something is left.
func (r *varints) end() error {
	if r.data == nil || len(r.data) > 0 {
		return errBlob
	}
	return nil
}

// unite returns the pages that any of the lists has.
func unite(a, b []span) []span {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b span) int { return int(a.first - b.first) })
	var p posting
	for _, s := range all {
		p.add(s)
	}
	return p.pages
}

// intersect returns the pages that both lists have.
func intersect(a, b []span) (both []span) {
	for len(a) > 0 && len(b) > 0 {
		s := span{max(a[0].first, b[0].first), min(a[0].last, b[0].last)}
		if s.first <= s.last {
			both = append(both, s)
		}
		if a[0].last < b[0].last {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}
