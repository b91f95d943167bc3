package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

// maxRow is what one row of a summary takes of the memory for answers, at most.
const maxRow = piinguinv1.MaxCaller + piinguinv1.MaxText + 128

// Summarize implements piinguinv1.Audit.
func (m methods) Summarize(ctx context.Context, req *piinguinv1.SummarizeRequest) (*piinguinv1.SummarizeResponse, error) {
	q, f := summaryOf(req)
	if f != nil {
		return nil, f.wire()
	}
	held := m.hold(ctx, piinguinv1.MaxSummaryRows*maxRow)
	if held == nil {
		return nil, failBusy.wire()
	}
	var rows []audit.SummaryRow
	inquiry := vault.Inquiry{Reference: describeSummary(req)}
	receipt, err := m.vault.Review(ctx, m.call(ctx, policy.Summarize), inquiry, func() (err error) {
		rows, err = m.ledger.Index().Summarize(ctx, q)
		return err
	})
	if err != nil {
		return nil, failureOf(err).wire()
	}
	held.shrink(int64(len(rows)) * maxRow)
	out := &piinguinv1.SummarizeResponse{Receipt: wireReceipt(receipt)}
	for _, r := range rows {
		out.Rows = append(out.Rows, wireRow(r))
	}
	return out, nil
}

// describeSummary writes the question in words for its entry.
func describeSummary(req *piinguinv1.SummarizeRequest) string {
	return fmt.Sprintf("summary from=%s to=%s by=%s", req.GetFromDay(), req.GetToDay(), strings.Join(enumNames(req.GetBy()), ","))
}

// summaryOf checks what is asked for.
func summaryOf(req *piinguinv1.SummarizeRequest) (audit.SummaryQuery, *failure) {
	var q audit.SummaryQuery
	f := firstFailure(checkDay("from_day", req.GetFromDay(), &q.From), checkDay("to_day", req.GetToDay(), &q.To), checkBy(req.GetBy(), &q.By))
	if f != nil {
		return q, f
	}
	last := q.To
	q.To = last.AddDate(0, 0, 1)
	switch {
	case last.Before(q.From):
		return q, invalid("to_day", "before_from_day", "must not be before from_day")
	case q.To.After(q.From.AddDate(0, 0, piinguinv1.MaxSummaryDays)):
		return q, invalid("to_day", "out_of_range", fmt.Sprintf("must make at most %d days with from_day", piinguinv1.MaxSummaryDays))
	}
	return q, nil
}

// checkDay stores the beginning of a day.
func checkDay(field, day string, into *time.Time) *failure {
	if day == "" {
		return invalid(field, "required", "is required: a day in UTC as 2026-01-31")
	}
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return invalid(field, "not_a_day", "must be a day as 2026-01-31")
	}
	*into = at
	return checkYear(field, true, at)
}

// checkBy stores the dimensions.
func checkBy(by []piinguinv1.Dimension, into *[]audit.Dimension) *failure {
	if len(by) == 0 {
		return invalid("by", "required", "is required: "+namesOf(piinguinv1.Dimension(0).Descriptor()))
	}
	var names []string
	if f := checkEnums("by", by, &names); f != nil {
		return f
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return invalid(fmt.Sprintf("by[%d]", i), "duplicate", "is there twice")
		}
		*into = append(*into, audit.Dimension(strings.ToLower(name)))
	}
	return nil
}

// wireRow is a row as the contract has it. A value that the contract has no name for is 0 there.
func wireRow(r audit.SummaryRow) *piinguinv1.SummaryRow {
	row := &piinguinv1.SummaryRow{
		Caller: r.Caller, Purpose: r.Purpose, Other: r.Other, Count: r.Count,
		Operation: piinguinv1.Operation(piinguinv1.Operation_value[string(r.Operation)]),
		Outcome:   piinguinv1.Outcome(piinguinv1.Outcome_value[string(r.Outcome)]),
		Basis:     piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[r.Basis]),
	}
	if !r.Day.IsZero() {
		row.Day = r.Day.Format(time.DateOnly)
	}
	return row
}
