package server

import (
	"context"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// CreatePiiRecord implements piinguinv1.Piinguin.
func (s *Server) CreatePiiRecord(ctx context.Context, req *piinguinv1.CreatePiiRecordRequest) (*piinguinv1.CreatePiiRecordResponse, error) {
	record, f := recordOf(req.GetPiiRecord(), s.now())
	if f != nil {
		return nil, f.wire()
	}
	results, receipt, f := s.create(ctx, "CreatePiiRecord", []store.Record{record})
	if f == nil && results[0].Err != nil {
		f = failureOf(results[0].Err)
	}
	if f != nil {
		return nil, f.wire()
	}
	return &piinguinv1.CreatePiiRecordResponse{
		Replaced:   results[0].Outcome == store.Replaced,
		Superseded: results[0].Outcome == store.Superseded,
		Receipt:    wireReceipt(receipt),
	}, nil
}

// CreatePiiRecords implements piinguinv1.Piinguin.
func (s *Server) CreatePiiRecords(ctx context.Context, req *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	asked := req.GetPiiRecords()
	if f := checkItems("pii_records", len(asked)); f != nil {
		return nil, f.wire()
	}
	accessOf(ctx).items = len(asked)
	out := make([]*piinguinv1.CreatePiiRecordResult, len(asked))
	var records []store.Record
	var place []int
	now := s.now()
	for i, r := range asked {
		record, f := recordOf(r, now)
		if f != nil {
			out[i] = &piinguinv1.CreatePiiRecordResult{Error: f.item()}
			continue
		}
		records, place = append(records, record), append(place, i)
	}
	if len(records) > 0 {
		results, receipt, f := s.create(ctx, "CreatePiiRecords", records)
		if f != nil {
			return nil, f.wire()
		}
		for k, r := range results {
			out[place[k]] = createResult(r, receipt)
		}
	}
	return &piinguinv1.CreatePiiRecordsResponse{Results: out}, nil
}

func createResult(r store.PutResult, receipt audit.Receipt) *piinguinv1.CreatePiiRecordResult {
	if r.Err != nil {
		return &piinguinv1.CreatePiiRecordResult{Error: failureOf(r.Err).item()}
	}
	return &piinguinv1.CreatePiiRecordResult{
		Replaced:   r.Outcome == store.Replaced,
		Superseded: r.Outcome == store.Superseded,
		Receipt:    wireReceipt(receipt),
	}
}

// create appends the call's entry and stores the records then. What could not be
// stored is an entry of its own, so that the ledger does not say too much.
func (s *Server) create(ctx context.Context, action policy.Action, records []store.Record) ([]store.PutResult, audit.Receipt, *failure) {
	e := entry(ctx, audit.Create, audit.Granted)
	e.Count = int64(len(records))
	if f := s.authorise(ctx, action, &e); f != nil {
		return nil, audit.Receipt{}, f
	}
	receipt, err := s.append(ctx, e)
	if err != nil {
		return nil, audit.Receipt{}, failAudit
	}
	results := s.store.Put(ctx, records)
	failed := entry(ctx, audit.Create, audit.Failed)
	failed.Policy = e.Policy
	for _, r := range results {
		if r.Err != nil {
			failed.Count++
			failed.Reason = failureOf(r.Err).reason
		}
	}
	if failed.Count > 0 {
		_, _ = s.append(ctx, failed) // counted and logged; the caller gets the store's error
	}
	return results, receipt, nil
}
