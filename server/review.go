package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
)

const (
	defaultPageSize = 100
	maxPageSize     = 500
	maxCaller       = 256
	maxLogName      = 63
)

// ListEntries implements piinguinv1.Audit.
func (s *Server) ListEntries(ctx context.Context, req *piinguinv1.ListEntriesRequest) (*piinguinv1.ListEntriesResponse, error) {
	q, f := queryOf(req)
	if f != nil {
		return nil, f.wire()
	}
	e := entry(ctx, audit.Review, audit.Granted)
	e.ModifiedValue, e.Reference = req.GetSubject(), describe(req)
	var found []audit.Entry
	f = s.review(ctx, "ListEntries", e, func() (err error) {
		found, err = s.ledger.Index().List(ctx, q)
		return err
	})
	if f != nil {
		return nil, f.wire()
	}
	out := &piinguinv1.ListEntriesResponse{}
	for _, e := range found[:min(len(found), q.Limit-1)] {
		w, err := wireEntry(e)
		if err != nil {
			return nil, failureOf(err).wire()
		}
		out.Entries = append(out.Entries, w)
	}
	if len(found) == q.Limit {
		out.NextPageToken = found[q.Limit-2].Position().String()
	}
	return out, nil
}

// GetEntry implements piinguinv1.Audit.
func (s *Server) GetEntry(ctx context.Context, req *piinguinv1.GetEntryRequest) (*piinguinv1.GetEntryResponse, error) {
	f := checkEntryName(req.GetLog(), req.GetIndex())
	if f != nil {
		return nil, f.wire()
	}
	e := entry(ctx, audit.Review, audit.Granted)
	e.Reference = fmt.Sprintf("entry %s/%d", req.GetLog(), req.GetIndex())
	var found audit.Entry
	f = s.review(ctx, "GetEntry", e, func() (err error) {
		found, err = s.ledger.Index().Entry(ctx, req.GetLog(), req.GetIndex())
		return err
	})
	if f != nil {
		return nil, f.wire()
	}
	w, err := wireEntry(found)
	if err != nil {
		return nil, failureOf(err).wire()
	}
	return &piinguinv1.GetEntryResponse{Entry: w}, nil
}

// GetCheckpoint implements piinguinv1.Audit.
func (s *Server) GetCheckpoint(ctx context.Context, req *piinguinv1.GetCheckpointRequest) (*piinguinv1.GetCheckpointResponse, error) {
	if f := checkText("log", req.GetLog(), maxLogName); f != nil {
		return nil, f.wire()
	}
	denied := entry(ctx, audit.Review, audit.Denied)
	denied.Reference = strings.TrimSpace("checkpoint " + req.GetLog())
	if f := s.authorise(ctx, "GetCheckpoint", &denied); f != nil {
		return nil, f.wire()
	}
	logs := []string{req.GetLog()}
	if req.GetLog() == "" {
		var err error
		if logs, err = s.ledger.Logs(ctx); err != nil {
			return nil, reviewFailure(err).wire()
		}
	}
	out := &piinguinv1.GetCheckpointResponse{}
	for _, log := range logs {
		signed, tree, err := s.ledger.Checkpoint(ctx, log)
		if err != nil {
			return nil, reviewFailure(err).wire()
		}
		out.Checkpoints = append(out.Checkpoints, &piinguinv1.Checkpoint{
			Log: log, Size: tree.N, RootHash: tree.Hash[:], Checkpoint: string(signed),
		})
	}
	return out, nil
}

// review is the one way to what the ledger holds: authorise, fetch, append,
// release. The entry of the query is durable before its answer leaves.
func (s *Server) review(ctx context.Context, action policy.Action, e audit.Entry, fetch func() error) *failure {
	if f := s.authorise(ctx, action, &e); f != nil {
		return f
	}
	var f *failure
	if err := fetch(); err != nil {
		f = reviewFailure(err)
		e.Outcome, e.Reason = audit.Failed, f.reason
		if errors.Is(err, audit.ErrNotFound) {
			e.Outcome, e.Reason = audit.NotFound, ""
		}
	}
	if _, err := s.append(ctx, e); err != nil {
		return failAudit
	}
	return f
}

// reviewFailure maps what reading the ledger returns: an engine's fault has no
// sentinel there, so what is not known is the ledger's being unavailable.
func reviewFailure(err error) *failure {
	if f := failureOf(err); f != failInternal {
		return f
	}
	return failAudit
}

// queryOf checks the filters. Limit is one more than asked for, to know whether
// there is a next page.
func queryOf(req *piinguinv1.ListEntriesRequest) (audit.Query, *failure) {
	q := audit.Query{ModifiedValue: req.GetSubject(), Caller: req.GetCaller(), Limit: defaultPageSize + 1}
	f := firstFailure(
		checkText("subject", req.GetSubject(), maxModifiedValue),
		checkText("caller", req.GetCaller(), maxCaller),
		checkTime("from", req.GetFrom(), &q.From),
		checkTime("to", req.GetTo(), &q.To),
		checkEnum("basis", req.GetBasis(), piinguinv1.LawfulBasisForProcessing_name, &q.Basis),
		checkEnum("operation", req.GetOperation(), piinguinv1.Operation_name, (*string)(&q.Operation)),
		checkEnum("outcome", req.GetOutcome(), piinguinv1.Outcome_name, (*string)(&q.Outcome)))
	if n := req.GetPageSize(); f == nil && n != 0 {
		if n < 0 || n > maxPageSize {
			return q, invalid("page_size", "out_of_range", fmt.Sprintf("must be 1 to %d", maxPageSize))
		}
		q.Limit = int(n) + 1
	}
	if token := req.GetPageToken(); f == nil && token != "" {
		before, err := audit.ParsePosition(token)
		if err != nil {
			return q, invalid("page_token", "unknown", "is not one of an answer")
		}
		q.Before = &before
	}
	return q, f
}

func checkTime(field string, at *timestamppb.Timestamp, into *time.Time) *failure {
	if at == nil {
		return nil
	}
	if !at.IsValid() {
		return invalid(field, "not_a_time", "must be a time of the years 1 to 9999")
	}
	*into = at.AsTime()
	return nil
}

// checkEnum stores the name of a filter's value; unspecified stores none.
func checkEnum[E interface {
	~int32
	String() string
}](field string, value E, names map[int32]string, into *string) *failure {
	if value == 0 {
		return nil
	}
	if _, known := names[int32(value)]; !known {
		return invalid(field, "unknown", "is not a known value")
	}
	*into = value.String()
	return nil
}

// describe writes the filters for the entry of the query; the subject has a field
// of its own.
func describe(req *piinguinv1.ListEntriesRequest) string {
	words := []string{"list"}
	add := func(name, value string) { words = append(words, name+"="+value) }
	if req.GetFrom() != nil {
		add("from", req.GetFrom().AsTime().Format(time.RFC3339))
	}
	if req.GetTo() != nil {
		add("to", req.GetTo().AsTime().Format(time.RFC3339))
	}
	if req.GetCaller() != "" {
		add("caller", req.GetCaller())
	}
	if req.GetBasis() != 0 {
		add("basis", req.GetBasis().String())
	}
	if req.GetOperation() != 0 {
		add("operation", req.GetOperation().String())
	}
	if req.GetOutcome() != 0 {
		add("outcome", req.GetOutcome().String())
	}
	return strings.Join(words, " ")
}

func wireEntry(e audit.Entry) (*piinguinv1.Entry, error) {
	line, err := e.Format()
	if err != nil {
		return nil, err
	}
	leaf := audit.LeafHash(line)
	return &piinguinv1.Entry{
		Line: string(line), LeafHash: leaf[:], Log: e.Log, Index: e.Index, Time: timestamppb.New(e.Time),
		Operation: piinguinv1.Operation(piinguinv1.Operation_value[string(e.Operation)]),
		Outcome:   piinguinv1.Outcome(piinguinv1.Outcome_value[string(e.Outcome)]),
		Reason:    e.Reason, Caller: e.Caller, Authentication: e.Authentication, OnBehalfOf: e.OnBehalfOf,
		Basis:   piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[e.Basis]),
		Purpose: e.Purpose, Reference: e.Reference, ModifiedValue: e.ModifiedValue,
		RequestId: e.RequestID, Count: e.Count, Checkpoint: e.Checkpoint,
		Policy: e.Policy, SpecialCategoryCondition: piinguinv1.SpecialCategoryCondition(piinguinv1.SpecialCategoryCondition_value[e.Condition]),
	}, nil
}
