package server

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// ReadPiiRecord implements piinguinv1.Piinguin.
func (s *Server) ReadPiiRecord(ctx context.Context, req *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	f := firstFailure(checkModifiedValue(req.GetModifiedValue()), checkStatement(req))
	if f != nil {
		return nil, f.wire()
	}
	results, f := s.read(ctx, "ReadPiiRecord", req, []string{req.GetModifiedValue()})
	if f == nil {
		f = results[0].failure
	}
	if f != nil {
		return nil, f.wire()
	}
	return &piinguinv1.ReadPiiRecordResponse{PiiRecord: results[0].record, Receipt: results[0].receipt}, nil
}

// ReadPiiRecords implements piinguinv1.Piinguin.
func (s *Server) ReadPiiRecords(ctx context.Context, req *piinguinv1.ReadPiiRecordsRequest) (*piinguinv1.ReadPiiRecordsResponse, error) {
	asked := req.GetModifiedValues()
	if f := firstFailure(checkItems("modified_values", len(asked)), checkStatement(req)); f != nil {
		return nil, f.wire()
	}
	accessOf(ctx).items = len(asked)
	out := make([]*piinguinv1.ReadPiiRecordResult, len(asked))
	keys, place := validKeys(asked, func(i int, f *failure) { out[i] = &piinguinv1.ReadPiiRecordResult{Error: f.item()} })
	results, f := s.read(ctx, "ReadPiiRecords", req, keys)
	if f != nil {
		return nil, f.wire()
	}
	for k, r := range results {
		out[place[k]] = &piinguinv1.ReadPiiRecordResult{PiiRecord: r.record, Receipt: r.receipt}
		if r.failure != nil {
			out[place[k]] = &piinguinv1.ReadPiiRecordResult{Error: r.failure.item()}
		}
	}
	return &piinguinv1.ReadPiiRecordsResponse{Results: out}, nil
}

// validKeys returns the valid ones of the keys and where each stands; refused is
// called for the others.
func validKeys(asked []string, refused func(i int, f *failure)) (keys []string, place []int) {
	for i, key := range asked {
		if f := checkModifiedValue(key); f != nil {
			refused(i, f)
			continue
		}
		keys, place = append(keys, key), append(place, i)
	}
	return keys, place
}

// readResult is a record that may be released, or why there is none.
type readResult struct {
	record  *piinguinv1.PiiRecord
	receipt *piinguinv1.AuditReceipt
	failure *failure
}

// read is the one way to an original value: authorise, fetch, append, release.
// The failure is of the whole call.
func (s *Server) read(ctx context.Context, action policy.Action, stated statement, keys []string) ([]readResult, *failure) {
	entries := make([]audit.Entry, len(keys))
	for i, key := range keys {
		e := entry(ctx, audit.Read, audit.Granted)
		e.Basis, e.Purpose = stated.GetProcessingBasis().String(), stated.GetPurpose()
		e.Reference, e.OnBehalfOf = stated.GetReference(), stated.GetOnBehalfOf()
		e.ModifiedValue = key
		entries[i] = e
	}
	if f := s.authorise(ctx, action, entries...); f != nil {
		return nil, f
	}
	fetched := s.store.Get(ctx, keys)
	for i, got := range fetched {
		switch {
		case errors.Is(got.Err, store.ErrNotFound):
			entries[i].Outcome = audit.NotFound
		case got.Err != nil:
			entries[i].Outcome, entries[i].Reason = audit.Failed, failureOf(got.Err).reason
		}
	}
	results := make([]readResult, len(keys))
	for i, appended := range s.appendAll(ctx, entries) {
		results[i] = release(fetched[i], appended)
	}
	return results, nil
}

// release lets a fetched value out if, and only if, its entry is durable.
func release(got store.GetResult, appended audit.Result) readResult {
	switch {
	case appended.Err != nil:
		return readResult{failure: failAudit}
	case got.Err != nil:
		return readResult{failure: failureOf(got.Err)}
	}
	return readResult{record: wireRecord(got.Record), receipt: wireReceipt(appended.Receipt)}
}

func wireRecord(r store.Record) *piinguinv1.PiiRecord {
	w := &piinguinv1.PiiRecord{ModifiedValue: r.ModifiedValue, OriginalValue: r.Original.Reveal()}
	if !r.ObservedAt.IsZero() {
		w.ObservedAt = timestamppb.New(r.ObservedAt)
	}
	if r.Source != (store.Source{}) {
		w.Source = &piinguinv1.Source{
			FieldName: r.Source.FieldName, JsonPath: r.Source.JSONPath, Schema: r.Source.Schema,
			HashFunction: r.Source.HashFunction, ParentEventId: r.Source.ParentEventID,
		}
	}
	return w
}
