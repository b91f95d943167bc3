package audit

import (
	"context"
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
	for bucket := range tierOf[t-1].buckets() {
		blobs, err := x.mergeBucket(ctx, r, below, bucket)
		if err != nil {
			return nil, err
		}
		for _, b := range blobs {
			r.hashes = append(r.hashes, hashOf(b.Data))
		}
		if err := x.out.blobs(ctx, blobs); err != nil {
			return nil, err
		}
	}
	return r, nil
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
	m.begin()
	for i, b := range blobs {
		isBelow, err := m.take(b.Data, bucket, below[i], below[i].first-r.first)
		if err != nil {
			return nil, b.fault()
		}
		if isBelow {
			return made, nil
		}
	}
	postings := m.join()
	for i := range made {
		n := 0
		for ; n < len(postings) && t.bucket(postings[n].term) == bucket*split+int64(i); n++ {
			postings[n].term = t.rest(postings[n].term)
		}
		made[i].Data, postings = encodeBucket(postings[:n], true), postings[n:]
	}
	return made, nil
}

// merger joins the postings of one bucket of neighbouring runs. A run of the highest tier is made from
// thousands of buckets, so its memory is used again.
type merger struct {
	all   []posting // with whole terms, and pages of the run that is made
	spans []span    // of all
	order []uint64  // of each posting the term, and its place in all
	joiner
}

var mergers = sync.Pool{New: func() any { return &merger{} }}

func (m *merger) begin() { m.all, m.spans, m.order = m.all[:0], m.spans[:0], m.order[:0] }

// take reads a bucket of the run that comes next. shift is how many pages come before that run.
func (m *merger) take(data []byte, bucket int64, r *indexRun, shift int64) (below bool, err error) {
	t := tierOf[r.tier]
	m.spans, below, err = scanBucket(data, t, r.pages, m.spans, func(uint32) bool { return true }, func(p posting) bool {
		p.term = t.term(bucket, p.term)
		for k := range p.pages {
			p.pages[k].first += shift
			p.pages[k].last += shift
		}
		m.order = append(m.order, uint64(p.term)<<32|uint64(len(m.all)))
		m.all = append(m.all, p)
		return true
	})
	return below, err
}

// join returns the postings in the order of their terms. The runs came in their order, so the pages of
// one term are in order too.
func (m *merger) join() []posting {
	slices.Sort(m.order)
	m.clear(len(m.spans))
	for _, o := range m.order {
		p := m.all[o&(1<<32-1)]
		m.add(p, p.pages...)
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
