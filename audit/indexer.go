package audit

import (
	"context"
	"slices"
	"strings"
)

// indexer makes the index of a log from its pages, run by run. Both who writes it and who verifies it
// use it: they differ in what becomes of the blobs.
type indexer struct {
	log  LogID
	out  indexOutput
	next int64 // the entry to take next; before it all is done
	live int64 // the first entry that was not pruned: a run that begins before it is not made

	open     indexRun                  // the run of the lowest tier that is being filled
	terms    []uint64                  // of its entries: the term, and the page counted from the run's first
	postings joiner                    // of the terms
	values   map[indexTerm]*indexValue // of the fields that a summary counts
	byID     []*indexValue
	latest   [cellFields]*indexValue // of each field, the value of the entry before
	cells    map[cellIDs]int64
	ripe     [tiers][]*indexRun // of each tier, the newest runs, which do not make one of the next tier yet
}

// indexOutput takes the blobs that an indexer makes.
type indexOutput interface {
	BlobReader
	// blobs takes what a run holds.
	blobs(ctx context.Context, blobs []Blob) error
	// workers is how many goroutines may make blobs at once.
	workers() int
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
		x.latest = [cellFields]*indexValue{}
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
	id     uint32
	term   uint32
	isTerm bool
	page   int64 // the last page that has the term; -1 if none has it yet
}

// cellIDs is a cellKey with the ids of its values.
type cellIDs struct {
	day int64
	ids [cellFields]uint32
}

// addValue adds the page of a value of a field that a summary counts, and returns the value's id.
func (x *indexer) addValue(of int, value string) uint32 {
	v := x.latest[of]
	if v == nil || v.value != value {
		if v = x.values[indexTerm{of, value}]; v == nil {
			v = x.newValue(indexTerm{of, value})
		}
		x.latest[of] = v
	}
	if page := x.open.pages - 1; v.isTerm && v.page != page {
		v.page = page
		x.terms = append(x.terms, x.at(v.term))
	}
	return v.id
}

// newValue returns a value that the run did not have before. Its page is not added yet.
func (x *indexer) newValue(of indexTerm) *indexValue {
	of.value = strings.Clone(of.value)                                 // it would keep its whole line
	v := &indexValue{indexTerm: of, id: uint32(len(x.byID)), page: -1} //nolint:gosec // few
	if f := fieldOf[of.field]; isTerm(f, of.value) {
		v.term, v.isTerm = termOf(f, of.value), true
	}
	x.values[of], x.byID = v, append(x.byID, v)
	return v
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
	x.postings.clear(len(x.terms))
	for _, v := range x.terms {
		page := int64(v & (1<<32 - 1))
		x.postings.add(posting{term: uint32(v >> 32)}, span{page, page})
	}
	blobs := []Blob{
		{x.log, summaryKind(0), r.number, x.summary()},
		{x.log, bucketKind(0), r.number, encodeBucket(x.postings.made, false)},
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
