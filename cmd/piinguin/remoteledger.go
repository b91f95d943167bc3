package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// remote reads the ledger through a server. It parses the entries' own lines, so that what is printed is
// what was signed and not the server's rendering of it.
type remote struct{ piinguinv1.Audit }

func (r remote) list(ctx context.Context, q question) ([]audit.Entry, *audit.Position, error) {
	req := &piinguinv1.ListEntriesRequest{
		Subjects: q.Subjects, Callers: q.Callers, Purposes: q.Purposes, References: q.References, RequestIds: q.RequestIDs,
		Bases:      numbers[piinguinv1.LawfulBasisForProcessing](q.Bases, piinguinv1.LawfulBasisForProcessing_value),
		Operations: numbers[piinguinv1.Operation](q.Operations, piinguinv1.Operation_value),
		Outcomes:   numbers[piinguinv1.Outcome](q.Outcomes, piinguinv1.Outcome_value),
		PageSize:   int32(min(q.Limit, piinguinv1.MaxPageSize)), //nolint:gosec // bounded

		HideOwnReviews: q.hideOwn,
	}
	for _, log := range q.Logs {
		req.Logs = append(req.Logs, log.String())
	}
	if !q.From.IsZero() {
		req.From = timestamppb.New(q.From)
	}
	if !q.To.IsZero() {
		req.To = timestamppb.New(q.To)
	}
	if q.Before != nil {
		req.PageToken = q.Before.String()
	}
	out, err := r.ListEntries(ctx, req)
	if err != nil {
		return nil, nil, rpcFailure(err)
	}
	entries := make([]audit.Entry, len(out.GetEntries()))
	for i, e := range out.GetEntries() {
		if entries[i], err = parseEntry(e); err != nil {
			return nil, nil, err
		}
	}
	if out.GetNextPageToken() == "" {
		return entries, nil, nil
	}
	next, err := audit.ParsePosition(out.GetNextPageToken())
	if err != nil {
		return nil, nil, fmt.Errorf("the server's answer: %w", err)
	}
	return entries, &next, nil
}

// numbers are the numbers of an enum's names.
func numbers[E ~int32, S ~string](names []S, known map[string]int32) (all []E) {
	for _, name := range names {
		all = append(all, E(known[string(name)]))
	}
	return all
}

func (r remote) summarize(ctx context.Context, q audit.SummaryQuery) ([]audit.SummaryRow, error) {
	req := &piinguinv1.SummarizeRequest{FromDay: q.From.Format(time.DateOnly), ToDay: q.To.AddDate(0, 0, -1).Format(time.DateOnly)}
	for _, d := range q.By {
		req.By = append(req.By, piinguinv1.Dimension(piinguinv1.Dimension_value[strings.ToUpper(string(d))]))
	}
	out, err := r.Summarize(ctx, req)
	if err != nil {
		return nil, rpcFailure(err)
	}
	rows := make([]audit.SummaryRow, len(out.GetRows()))
	for i, r := range out.GetRows() {
		if rows[i], err = parseRow(r); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func parseRow(r *piinguinv1.SummaryRow) (audit.SummaryRow, error) {
	row := audit.SummaryRow{Caller: r.GetCaller(), Purpose: r.GetPurpose(), Other: r.GetOther(), Count: r.GetCount()}
	if r.GetOperation() != 0 {
		row.Operation = audit.Operation(r.GetOperation().String())
	}
	if r.GetOutcome() != 0 {
		row.Outcome = audit.Outcome(r.GetOutcome().String())
	}
	if r.GetBasis() != 0 {
		row.Basis = r.GetBasis().String()
	}
	if r.GetDay() == "" {
		return row, nil
	}
	var err error
	if row.Day, err = time.Parse(time.DateOnly, r.GetDay()); err != nil {
		return row, errors.New("the server's answer has a day that is none")
	}
	return row, nil
}

func (r remote) entry(ctx context.Context, at audit.Place) (audit.Entry, error) {
	out, err := r.GetEntry(ctx, &piinguinv1.GetEntryRequest{Log: at.Log.String(), Index: at.Index})
	if err != nil {
		return audit.Entry{}, rpcFailure(err)
	}
	return parseEntry(out.GetEntry())
}

// parseEntry reads the line of an entry, which has to be of the place that the answer names: rpc/client has
// held that against the question.
func parseEntry(of *piinguinv1.Entry) (audit.Entry, error) {
	e, err := audit.Parse([]byte(of.GetLine()))
	if err == nil && (e.Log.String() != of.GetLog() || e.Index != of.GetIndex()) {
		err = errors.New("the server's answer names an entry and has the line of another one")
	}
	return e, err
}
