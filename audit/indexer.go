package audit

import (
	"cmp"
	"context"
	"slices"
)

// indexer makes the index of a log from its pages, run by run. Both who writes it and who verifies it
// use it: they differ in what becomes of the blobs.
type indexer struct {
	log  LogID
	out  indexOutput
	next int64 // the entry to take next; before it all is done
	live int64 // the first entry that was not pruned: a run that begins before it is not made

	open   indexRun                  // the run of the lowest tier that is being filled
	terms  []uint64                  // of its entries: the term, and the page counted from the run's first
	values map[indexTerm]*indexValue // of the fields that a summary counts
	byID   []*indexValue
	cells  map[cellIDs]int64
	ripe   [tiers][]*indexRun // of each tier, the newest runs, which do not make one of the next tier yet
}

// indexOutput takes the blobs that an indexer makes.
type indexOutput interface {
	BlobReader
	// blobs takes what a run holds.
	blobs(ctx context.Context, blobs []Blob) error
	// run takes a run, when all that it holds was taken.
	run(ctx context.Context, r *indexRun) error
}

// newIndexer returns an indexer that begins at the first run of the lowest tier that begins at an entry
// or after it, of a log that was pruned up to live.
func newIndexer(log LogID, out indexOutput, first, live int64) *indexer {
	return &indexer{log: log, out: out, next: tierOf[0].begin(max(first, live)) * tierOf[0].size, live: live}
}

// add takes the page that has the next entry.
func (x *indexer) add(ctx context.Context, p Page) error {
	if p.Size() <= x.next {
		return nil
	}
	entries, err := p.Entries()
	if err != nil {
		return err
	}
	for i := max(x.next-p.First, 0); i < int64(len(entries)); i++ {
		x.take(p.Number, &entries[i])
		if x.next++; x.next%tierOf[0].size == 0 {
			if err := x.finish(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *indexer) take(page int64, e *Entry) {
	if x.next%tierOf[0].size == 0 {
		x.open = indexRun{log: x.log, number: x.next / tierOf[0].size, first: page}
		x.terms, x.values, x.byID, x.cells = x.terms[:0], map[indexTerm]*indexValue{}, nil, map[cellIDs]int64{}
	}
	x.open.pages = page - x.open.first + 1
	c := cellIDs{day: dayOf(e.Time)}
	for i, text := range cellTexts(e) {
		c.ids[i] = x.addValue(i, text)
	}
	x.cells[c]++
	x.addTerm(fieldSubject, e.ModifiedValue)
	x.addTerm(fieldReference, e.Reference)
	if e.Log == Spine && e.Operation != Checkpoint {
		x.terms = append(x.terms, x.at(termOf(fieldOther, "")))
	}
}

// indexTerm is a field of a summary and a value that entries have.
type indexTerm struct {
	field int
	value string
}

// indexValue is such a value in the run that is being filled: most were met before, and on the same page.
type indexValue struct {
	indexTerm
	id   uint32
	term uint32
	page int64 // the last page that has it; -1 if it is no term
}

// cellIDs is a cellKey with the ids of its values.
type cellIDs struct {
	day int64
	ids [cellFields]uint32
}

// addValue adds the page of a value of a field that a summary counts, and returns the value's id.
func (x *indexer) addValue(of int, value string) uint32 {
	v, there := x.values[indexTerm{of, value}]
	if !there {
		v = &indexValue{indexTerm: indexTerm{of, value}, id: uint32(len(x.byID)), page: -1} //nolint:gosec // few
		x.values[v.indexTerm], x.byID = v, append(x.byID, v)
		if isTerm(fieldOf[of], value) {
			v.term, v.page = termOf(fieldOf[of], value), x.open.pages-1
			x.terms = append(x.terms, x.at(v.term))
		}
		return v.id
	}
	if page := x.open.pages - 1; v.page >= 0 && v.page != page {
		v.page = page
		x.terms = append(x.terms, x.at(v.term))
	}
	return v.id
}

func (x *indexer) addTerm(f field, value string) {
	if value != "" {
		x.terms = append(x.terms, x.at(termOf(f, value)))
	}
}

// at returns a term with the page of the entry that is being taken.
func (x *indexer) at(term uint32) uint64 {
	return uint64(term)<<32 | uint64(x.open.pages-1) //nolint:gosec // not negative
}

// summary returns the summary of the run that is full.
func (x *indexer) summary() []byte {
	counts := make(map[cellKey]int64, len(x.cells))
	for c, n := range x.cells {
		k := cellKey{day: c.day}
		for i, id := range c.ids {
			k.fields[i] = x.byID[id].value
		}
		counts[k] += n
	}
	return encodeSummary(sortedCells(counts))
}

// finish makes the run of the lowest tier that is full now, and those of the higher tiers that it fills.
func (x *indexer) finish(ctx context.Context) error {
	r := x.open
	slices.Sort(x.terms)
	var postings []posting
	for _, v := range x.terms {
		term, page := uint32(v>>32), int64(v&(1<<32-1))
		if n := len(postings); n == 0 || postings[n-1].term != term {
			postings = append(postings, posting{term: term})
		}
		postings[len(postings)-1].add(span{page, page})
	}
	blobs := []Blob{
		{x.log, summaryKind(0), r.number, x.summary()},
		{x.log, bucketKind(0), r.number, encodeBucket(postings, false)},
	}
	r.hashes = []blobHash{hashOf(blobs[0].Data), hashOf(blobs[1].Data)}
	if err := x.out.blobs(ctx, blobs); err != nil {
		return err
	}
	return x.finished(ctx, &r)
}

// finished puts a run that is complete, and makes the one of the next tier if it is the last of it.
func (x *indexer) finished(ctx context.Context, r *indexRun) error {
	if err := x.out.run(ctx, r); err != nil {
		return err
	}
	return x.ripen(ctx, r)
}

// ripen keeps a run for the one of the next tier, and makes that one if it is complete.
func (x *indexer) ripen(ctx context.Context, r *indexRun) error {
	up := r.tier + 1
	if up == tiers {
		return nil
	}
	x.ripe[r.tier] = append(x.ripe[r.tier], r)
	if r.end()%tierOf[up].size != 0 {
		return nil
	}
	below := x.ripe[r.tier]
	x.ripe[r.tier] = nil
	if begins := r.end() - tierOf[up].size; begins < x.live || int64(len(below)) < tierOf[up].fan {
		return nil // it begins with what was pruned
	}
	above, err := x.merge(ctx, up, below[int64(len(below))-tierOf[up].fan:])
	if err != nil {
		return err
	}
	return x.finished(ctx, above)
}

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
	var all []posting
	for i, b := range blobs {
		some, isBelow, err := parseBucket(b.Data, lower, below[i].pages)
		if err != nil {
			return nil, b.fault()
		}
		if isBelow {
			return made, nil
		}
		shift := below[i].first - r.first
		for _, p := range some {
			p.term = lower.term(bucket, p.term)
			for k := range p.pages {
				p.pages[k].first += shift
				p.pages[k].last += shift
			}
			all = append(all, p)
		}
	}
	sortPostings(all)
	for i, postings := range splitPostings(all, t, bucket*split, split) {
		made[i].Data = encodeBucket(postings, true)
	}
	return made, nil
}

// sortPostings sorts by the terms, and those of one term by their pages.
func sortPostings(all []posting) {
	slices.SortFunc(all, func(a, b posting) int {
		if a.term != b.term {
			return cmp.Compare(a.term, b.term)
		}
		return cmp.Compare(a.start(), b.start())
	})
}

// start is the first page; before all of them for a posting that does not list them.
func (p *posting) start() int64 {
	if p.below {
		return -1
	}
	return p.pages[0].first
}

// splitPostings joins the postings of one term, and gives those of each bucket with what is left of their
// terms. The postings are sorted, and those of one term are in the order of their pages.
func splitPostings(all []posting, t tier, first, count int64) [][]posting {
	parts := make([][]posting, count)
	for _, p := range all {
		part := &parts[t.bucket(p.term)-first]
		rest := t.rest(p.term)
		if n := len(*part); n == 0 || (*part)[n-1].term != rest {
			p.term = rest
			*part = append(*part, p)
			continue
		}
		same := &(*part)[len(*part)-1]
		same.below = same.below || p.below
		for _, s := range p.pages {
			same.add(s)
		}
	}
	return parts
}
