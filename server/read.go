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
	f := firstFailure(checkModifiedValue(req.GetModifiedValue()), s.checkStatement(req))
	if f == nil {
		f = s.limitRecords(ctx, 1)
	}
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
	if f := firstFailure(checkItems("modified_values", len(asked)), s.checkStatement(req)); f != nil {
		return nil, f.wire()
	}
	accessOf(ctx).items = len(asked)
	if f := s.limitRecords(ctx, len(asked)); f != nil {
		return nil, f.wire()
	}
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
		entries[i] = readEntry(ctx, stated, key)
	}
	// What is decided of a record that nothing is known of is what is told of one that is
	// not there.
	absent := s.decide(ctx, action, readOf(stated, ""))
	perRecord := s.policy.OfRecords() && absent.Reason != failRole.reason
	if !absent.Allow && !perRecord {
		return nil, s.deny(ctx, absent, pointers(entries)...)
	}
	fetched := s.store.Get(ctx, keys)
	failures := make([]*failure, len(keys))
	for i, got := range fetched {
		d := absent
		if field := got.Record.Source.FieldName; perRecord && got.Err == nil && field != "" {
			d = s.decide(ctx, action, readOf(stated, field))
		}
		failures[i] = settle(&entries[i], got, d, absent)
	}
	results := make([]readResult, len(keys))
	for i, appended := range s.appendAll(ctx, entries) {
		results[i] = release(fetched[i], failures[i], appended)
	}
	return results, nil
}

func readEntry(ctx context.Context, stated statement, key string) audit.Entry {
	e := entry(ctx, audit.Read, audit.Granted)
	read := readOf(stated, "")
	e.Basis, e.Condition, e.Purpose = read.Basis, read.SpecialCategoryCondition, read.Purpose
	e.Reference, e.OnBehalfOf, e.ModifiedValue = read.Reference, read.OnBehalfOf, key
	return e
}

func readOf(stated statement, field string) *policy.Read {
	r := &policy.Read{
		Basis: stated.GetProcessingBasis().String(), Purpose: stated.GetPurpose(), Reference: stated.GetReference(),
		OnBehalfOf: stated.GetOnBehalfOf(), FieldName: field,
	}
	if c := stated.GetSpecialCategoryCondition(); c != 0 {
		r.SpecialCategoryCondition = c.String()
	}
	return r
}

// settle completes the entry of a read, and returns what the caller is told instead of
// a value; nil if it is to be released. A caller that is denied one record is told
// what it would be told if the record were not there: a denial must not say that it is.
func settle(e *audit.Entry, got store.GetResult, d, absent policy.Decision) *failure {
	e.Policy = d.Policy
	switch {
	case !d.Allow:
		e.Outcome, e.Reason = audit.Denied, d.Reason
		if absent.Allow {
			return failNotFound
		}
		return failureOfDenial(absent)
	case errors.Is(got.Err, store.ErrNotFound):
		e.Outcome = audit.NotFound
		return failNotFound
	case got.Err != nil:
		f := failureOf(got.Err)
		e.Outcome, e.Reason = audit.Failed, f.reason
		return f
	}
	return nil
}

// release lets a fetched value out if, and only if, nothing speaks against it and its
// entry is durable.
func release(got store.GetResult, f *failure, appended audit.Result) readResult {
	switch {
	case appended.Err != nil:
		return readResult{failure: failAudit}
	case f != nil:
		return readResult{failure: f}
	}
	return readResult{record: wireRecord(got.Record), receipt: wireReceipt(appended.Durable.Receipt())}
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
