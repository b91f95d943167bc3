package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// maxTally is how many pages and summaries one question reads, and maxPurposes how many purposes it tells
// apart while it counts. Purposes are free text: a year may have any number of them. maxCounts bounds the
// rows before the rare purposes are counted together.
const (
	maxTally    = 20_000
	maxPurposes = 16 * MaxSummaryPurposes
	maxCounts   = 16 * MaxSummaryRows
)

// tally counts the entries of days.
type tally struct {
	ctx      context.Context
	x        *Index
	query    SummaryQuery
	budget   int
	counts   map[SummaryRow]int64
	purposes map[string]int64 // of the rows; what comes after maxPurposes of them is Other
}

// errMuch says that a summary would take too long, or be too long.
var errMuch = fmt.Errorf("%w: by: the answer is too large: ask for fewer dimensions or fewer days", ErrQuery)

// log counts the entries of a log.
func (t *tally) log(log LogID) error {
	w, err := t.x.window(t.ctx, log, t.query.From, Position{Time: t.query.To})
	if err != nil || w == nil {
		return err
	}
	runs, err := t.x.runs.cover(t.ctx, log, w.size, w.live, w.top.Size())
	if err != nil {
		return err
	}
	if err := t.entries(log, max(runs.at, w.bottom.First), w.top.Size()); err != nil {
		return err
	}
	for runs.at > w.bottom.First {
		batch, err := t.x.runs.batch(t.ctx, log, runs, maxBlobsAt, w.bottom.First)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return t.entries(log, w.bottom.First, min(runs.at, w.top.Size()))
		}
		if err := t.runs(batch); err != nil {
			return err
		}
	}
	return nil
}

// runs counts what the summaries of runs of one tier say of the days.
func (t *tally) runs(runs []*indexRun) error {
	if err := t.spend(len(runs)); err != nil {
		return err
	}
	blobs, err := readSummaries(t.ctx, t.x.reader, runs)
	if err != nil {
		return err
	}
	for i, b := range blobs {
		cells, below, err := parseSummary(b.Data)
		if err != nil {
			return b.fault()
		}
		if below {
			if err := t.below(runs[i]); err != nil {
				return err
			}
		}
		for _, c := range cells {
			if err := t.add(&c); err != nil {
				return err
			}
		}
	}
	return nil
}

// below counts a run whose summary would be too long by the runs that make it up, and in the lowest tier
// by its entries.
func (t *tally) below(r *indexRun) error {
	if r.tier == 0 {
		return t.entries(r.log, r.start(), r.end())
	}
	fan := tierOf[r.tier].fan
	runs, err := t.x.runs.some(t.ctx, r.log, r.tier-1, numbers(r.number*fan, (r.number+1)*fan))
	if err != nil {
		return err
	}
	return t.runs(runs)
}

// entries counts the entries of a log with the indexes from first to end-1.
func (t *tally) entries(log LogID, first, end int64) error {
	if first >= end {
		return nil
	}
	p, err := pageOf(t.ctx, t.x.reader, log, first)
	if errors.Is(err, ErrNotFound) {
		if err = t.x.gone(t.ctx, log, first); errors.Is(err, ErrNotFound) {
			err = nil // it was pruned meanwhile
		}
		return err
	}
	if err != nil {
		return err
	}
	next := p.Number
	var before Page
	if next > 0 {
		if before, err = t.x.page(t.ctx, log, next-1); err != nil {
			return err
		}
	}
	for p, err := range t.x.reader.Pages(t.ctx, log, next) {
		if err != nil {
			return err
		}
		if p.Stub { // it was pruned meanwhile
			return nil
		}
		if p.Number != next {
			return &RowError{PageRow(log, next), "missing"}
		}
		if err := t.x.check(t.ctx, before, p, false); err != nil {
			return err
		}
		if err := t.page(p, first, end); err != nil || p.Size() >= end {
			return err
		}
		before, next = p, next+1
	}
	return nil
}

func (t *tally) page(p Page, first, end int64) error {
	if err := t.spend(1); err != nil {
		return err
	}
	entries, err := p.Entries()
	if err != nil {
		return err
	}
	for i := range entries {
		if e := &entries[i]; e.Index >= first && e.Index < end {
			c := cellOf(e)
			if err := t.add(&c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tally) spend(n int) error {
	if t.budget -= n; t.budget < 0 {
		return errMuch
	}
	return nil
}

// add counts a cell, if it is of the days.
func (t *tally) add(c *cell) error {
	day := time.Unix(c.day*secondsOfDay, 0).UTC()
	if day.Before(t.query.From) || !day.Before(t.query.To) || c.fields[cellOperation] == string(Checkpoint) {
		return nil
	}
	r := t.query.row(day, c)
	if r.Purpose != "" {
		if t.purposes == nil {
			t.purposes = map[string]int64{}
		}
		if _, known := t.purposes[r.Purpose]; !known && len(t.purposes) == maxPurposes {
			r.Purpose, r.Other = "", true
		} else {
			t.purposes[r.Purpose] += c.count
		}
	}
	t.counts[r] += c.count
	if len(t.counts) > maxCounts {
		return errMuch
	}
	return nil
}

// row returns the row that a cell is counted in, with the dimensions of the query only.
func (q SummaryQuery) row(day time.Time, c *cell) (r SummaryRow) {
	for _, d := range q.By {
		switch d {
		case ByDay:
			r.Day = day
		case ByCaller:
			r.Caller = c.fields[cellCaller]
		case ByOperation:
			r.Operation = Operation(c.fields[cellOperation])
		case ByOutcome:
			r.Outcome = Outcome(c.fields[cellOutcome])
		case ByBasis:
			r.Basis = c.fields[cellBasis]
		case ByPurpose:
			r.Purpose = c.fields[cellPurpose]
		}
	}
	return r
}

// rows returns what was counted.
func (t *tally) rows() ([]SummaryRow, error) {
	often := slices.SortedFunc(maps.Keys(t.purposes), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.purposes[b], t.purposes[a]), cmp.Compare(a, b))
	})
	other := map[string]bool{}
	for _, p := range often[min(MaxSummaryPurposes, len(often)):] {
		other[p] = true
	}
	counts := map[SummaryRow]int64{}
	for r, n := range t.counts {
		if other[r.Purpose] {
			r.Purpose, r.Other = "", true
		}
		counts[r] += n
	}
	rows := make([]SummaryRow, 0, len(counts))
	for r, n := range counts {
		r.Count = n
		rows = append(rows, r)
	}
	if len(rows) > MaxSummaryRows {
		return nil, errMuch
	}
	slices.SortFunc(rows, SummaryRow.Compare)
	return rows, nil
}
