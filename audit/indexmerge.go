package audit

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
)

// merge makes a run of a tier from those of the tier below.
func (x *indexer) merge(ctx context.Context, t int, below []*indexRun) (*indexRun, error) {
	last := below[len(below)-1]
	r := &indexRun{log: x.log, tier: t, number: below[0].start() / tierOf[t].size, first: below[0].first}
	r.pages = last.first + last.pages - r.first
	summary, err := x.mergeSummaries(ctx, r, below)
	if err != nil {
		return nil, err
	}
	r.hashes = append(r.hashes, hashOf(summary.Data))
	if err := x.out.blobs(ctx, []Blob{summary}); err != nil {
		return nil, err
	}
	merge := func(bucket int64) merged {
		blobs, err := x.mergeBucket(ctx, r, below, bucket)
		return merged{blobs, err}
	}
	for m, err := range inOrder(ctx, x.out.workers(), bucketsOf(tierOf[t-1]), merge) {
		if err = cmp.Or(err, m.err); err != nil {
			return nil, err
		}
		for _, b := range m.blobs {
			r.hashes = append(r.hashes, hashOf(b.Data))
		}
		if err := x.out.blobs(ctx, m.blobs); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// merged is what mergeBucket returns.
type merged struct {
	blobs []Blob
	err   error
}

// bucketsOf yields the buckets of a run.
func bucketsOf(t tier) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for bucket := range t.buckets() {
			if !yield(bucket, nil) {
				return
			}
		}
	}
}

func (x *indexer) mergeSummaries(ctx context.Context, r *indexRun, below []*indexRun) (Blob, error) {
	made := Blob{x.log, summaryKind(r.tier), r.number, []byte{0}}
	blobs, err := readSummaries(ctx, x.out, below)
	if err != nil {
		return made, err
	}
	counts := map[cellKey]int64{}
	for _, b := range blobs {
		some, isBelow, err := parseSummary(b.Data)
		if err != nil {
			return made, b.fault()
		}
		if isBelow {
			return made, nil
		}
		for _, c := range some {
			counts[c.cellKey] += c.count
		}
	}
	made.Data = encodeSummary(sortedCells(counts))
	return made, nil
}

// mergeBucket makes, from one bucket of the runs below, the buckets of the run that have its terms.
func (x *indexer) mergeBucket(ctx context.Context, r *indexRun, below []*indexRun, bucket int64) ([]Blob, error) {
	t, lower := tierOf[r.tier], tierOf[r.tier-1]
	split := t.buckets() / lower.buckets()
	made := make([]Blob, split)
	for i := range made {
		made[i] = Blob{x.log, bucketKind(r.tier), r.number<<t.bits | (bucket*split + int64(i)), []byte{0}}
	}
	blobs, err := readBuckets(ctx, x.out, below, bucket)
	if err != nil {
		return nil, err
	}
	m, _ := mergers.Get().(*merger)
	defer mergers.Put(m)
	m.begin(blobs)
	for i, b := range blobs {
		isBelow, err := m.take(b.Data, bucket, below[i], below[i].first-r.first)
		if err != nil {
			return nil, b.fault()
		}
		if isBelow {
			return made, nil
		}
	}
	slices.Sort(m.order)
	for i, order := 0, m.order; i < len(made); i++ {
		n := countIn(order, t, bucket*split+int64(i))
		made[i].Data, order = encodeBucket(m.join(order[:n], t), true), order[n:]
	}
	return made, nil
}

// merger joins the postings of one bucket of neighbouring runs. A run of the highest tier is made from
// thousands of buckets, so its memory is used again.
type merger struct {
	spans []span   // of all postings, counted from the first page of the run that is made
	parts []part   // of each posting
	order []uint64 // of each posting the whole term, and its place in parts
	joiner
}

// part is the spans of a posting: from one up to another. None: it says to look below.
type part struct{ from, to uint32 }

var mergers = sync.Pool{New: func() any { return &merger{} }}

// begin makes room for what the blobs have, if most of their terms are on one page: six bytes for each.
func (m *merger) begin(blobs []Blob) {
	size := 0
	for _, b := range blobs {
		size += len(b.Data)
	}
	m.spans, m.parts, m.order = slices.Grow(m.spans[:0], size/6), slices.Grow(m.parts[:0], size/6), slices.Grow(m.order[:0], size/6)
}

// take reads a bucket of the run that comes next. shift is how many pages come before that run.
func (m *merger) take(data []byte, bucket int64, r *indexRun, shift int64) (below bool, err error) {
	t, at := tierOf[r.tier], len(m.spans)
	m.spans, below, err = scanBucket(data, t, r.pages, m.spans, func(uint32) bool { return true }, func(p posting) bool {
		for k := range p.pages {
			p.pages[k].first += shift
			p.pages[k].last += shift
		}
		m.order = append(m.order, uint64(t.term(bucket, p.term))<<32|uint64(len(m.parts)))
		m.parts = append(m.parts, part{uint32(at), uint32(at + len(p.pages))}) //nolint:gosec // a blob is short
		at += len(p.pages)
		return true
	})
	return below, err
}

// countIn returns how many postings at the beginning of an order belong into a bucket.
func countIn(order []uint64, t tier, bucket int64) (n int) {
	for n < len(order) && t.bucket(uint32(order[n]>>32)) == bucket {
		n++
	}
	return n
}

// join returns the postings of a part of the order. The runs came in their order, so the pages of one term
// are in order too.
func (m *merger) join(order []uint64, t tier) []posting {
	spans := 0
	for _, o := range order {
		p := m.parts[uint32(o)] //nolint:gosec // the lower half
		spans += int(p.to - p.from)
	}
	m.clear(spans)
	for _, o := range order {
		p := m.parts[uint32(o)] //nolint:gosec // the lower half
		m.add(posting{term: t.rest(uint32(o >> 32)), below: p.from == p.to}, m.spans[p.from:p.to]...)
	}
	return m.made
}

// joiner makes one posting of those of one term, which come one after the other.
type joiner struct {
	made []posting
	room []span // the pages of all, in one piece of memory that never moves
}

// clear makes room for so many spans.
func (j *joiner) clear(spans int) { j.made, j.room = j.made[:0], slices.Grow(j.room[:0], spans) }

// add takes a posting, and its pages, which come after those that its term has.
func (j *joiner) add(p posting, pages ...span) {
	if n := len(j.made); n == 0 || j.made[n-1].term != p.term {
		j.made = append(j.made, posting{term: p.term, pages: j.room[len(j.room):]})
	}
	same := &j.made[len(j.made)-1]
	before := len(same.pages)
	for _, s := range pages {
		same.add(s)
	}
	same.below = same.below || p.below
	j.room = j.room[:len(j.room)+len(same.pages)-before]
}
