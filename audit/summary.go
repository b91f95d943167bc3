package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Dimension is what a summary counts by.
type Dimension string

// The dimensions, in the order in which the fields of a SummaryRow have them.
const (
	ByDay       Dimension = "day"
	ByCaller    Dimension = "caller"
	ByOperation Dimension = "operation"
	ByOutcome   Dimension = "outcome"
	ByBasis     Dimension = "basis"
	ByPurpose   Dimension = "purpose"
)

// Dimensions lists all dimensions.
func Dimensions() []Dimension {
	return []Dimension{ByDay, ByCaller, ByOperation, ByOutcome, ByBasis, ByPurpose}
}

// Limits of a summary.
const (
	MaxSummaryDays     = 366    // from the first day to the last
	MaxSummaryPurposes = 256    // the most frequent ones; the rest is counted as Other
	MaxSummaryRows     = 10_000 // a question whose answer has more is refused
)

// SummaryQuery asks how many entries there are, by day in UTC and other dimensions. CHECKPOINT entries
// are not counted.
type SummaryQuery struct {
	From, To time.Time   // the first day, and the day after the last; each at 00:00 UTC
	By       []Dimension // at least one, each once
}

// SummaryRow is a count of entries. The fields that the query does not count by are zero.
type SummaryRow struct {
	Day       time.Time // 00:00 UTC
	Caller    string
	Operation Operation
	Outcome   Outcome
	Basis     string
	Purpose   string
	Other     bool // the purposes that are not among the 256 most frequent ones
	Count     int64
}

// Validate returns an error that wraps ErrQuery if the question cannot be answered.
func (q SummaryQuery) Validate() error {
	switch {
	case !q.From.Equal(q.From.UTC().Truncate(24 * time.Hour)):
		return fmt.Errorf("%w: from: not the beginning of a day in UTC", ErrQuery)
	case !q.To.Equal(q.To.UTC().Truncate(24 * time.Hour)):
		return fmt.Errorf("%w: to: not the beginning of a day in UTC", ErrQuery)
	case !q.From.Before(q.To):
		return fmt.Errorf("%w: to: not after from", ErrQuery)
	case q.To.Sub(q.From) > MaxSummaryDays*24*time.Hour:
		return fmt.Errorf("%w: to: more than %d days after from", ErrQuery, MaxSummaryDays)
	case len(q.By) == 0:
		return fmt.Errorf("%w: by: empty", ErrQuery)
	}
	for i, d := range q.By {
		if !slices.Contains(Dimensions(), d) || slices.Contains(q.By[:i], d) {
			return fmt.Errorf("%w: by: each of day, caller, operation, outcome, basis and purpose at most once", ErrQuery)
		}
	}
	return nil
}

// Compare orders rows by their dimensions.
func (r SummaryRow) Compare(o SummaryRow) int {
	return cmp.Or(compareBool(r.Other, o.Other), r.Day.Compare(o.Day), strings.Compare(r.Caller, o.Caller), cmp.Compare(r.Operation, o.Operation),
		cmp.Compare(r.Outcome, o.Outcome), strings.Compare(r.Basis, o.Basis), strings.Compare(r.Purpose, o.Purpose))
}

// Summarize counts entries. The rows are in the order of Compare, and Other comes last. It is complete:
// it counts every entry whose Append returned before the question was asked. ErrQuery: the answer would
// have more than MaxSummaryRows rows, or the question is none. Other errors are those of List.
func (x *Index) Summarize(ctx context.Context, q SummaryQuery) ([]SummaryRow, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	logs, err := Logs(ctx, x.reader)
	if err != nil {
		return nil, err
	}
	t := &tally{ctx: ctx, x: x, query: q, budget: maxTally, counts: map[SummaryRow]int64{}}
	for _, log := range logs {
		if err := t.log(log); err != nil {
			return nil, err
		}
	}
	return t.rows()
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
