package server

import (
	"context"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

// CreatePiiRecord implements piinguinv1.Piinguin. The answer never holds the value that was
// replaced.
func (m methods) CreatePiiRecord(ctx context.Context, req *piinguinv1.CreatePiiRecordRequest) (*piinguinv1.CreatePiiRecordResponse, error) {
	if req.GetPiiRecord() == nil {
		return nil, invalid("pii_record", "required", "is required").wire()
	}
	record, f := recordOf(req.GetPiiRecord(), m.now())
	if f = firstFailure(f.within("pii_record"), checkReference(req)); f != nil {
		return nil, f.wire()
	}
	results, receipt, err := m.vault.Create(ctx, m.call(ctx, policy.CreatePiiRecord), referenceOf(req), []store.Record{record})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return nil, failureOf(err).wire()
	}
	got := wireCreated(results[0], receipt)
	return &piinguinv1.CreatePiiRecordResponse{
		Replaced: got.GetReplaced(), Superseded: got.GetSuperseded(), Receipt: got.GetReceipt(),
	}, nil
}

// CreatePiiRecords implements piinguinv1.Piinguin. Each record stands for itself: a bad one
// has an error in its place, and the others are stored. A call without a good record makes no
// entry, because it stores nothing.
func (m methods) CreatePiiRecords(ctx context.Context, req *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	given := req.GetPiiRecords()
	if f := firstFailure(checkItems("pii_records", len(given)), checkReference(req)); f != nil {
		return nil, f.wire()
	}
	accessOf(ctx).items = len(given)
	out := make([]*piinguinv1.CreatePiiRecordResult, len(given))
	var records []store.Record
	var place []int
	now := m.now()
	for i, r := range given {
		record, f := recordOf(r, now)
		if f != nil {
			out[i] = &piinguinv1.CreatePiiRecordResult{Error: f.item()}
			continue
		}
		records, place = append(records, record), append(place, i)
	}
	if len(records) > 0 {
		results, receipt, err := m.vault.Create(ctx, m.call(ctx, policy.CreatePiiRecords), referenceOf(req), records)
		if err != nil {
			return nil, failureOf(err).wire()
		}
		for k, r := range results {
			out[place[k]] = wireCreated(r, receipt)
		}
	}
	noteItems(ctx, out)
	return &piinguinv1.CreatePiiRecordsResponse{Results: out}, nil
}

// referred is what the caller of a create may state.
type referred interface{ GetReference() string }

func checkReference(req referred) *failure {
	return checkShown("reference", req.GetReference(), piinguinv1.MaxText)
}

func referenceOf(req referred) vault.Statement {
	return vault.Statement{Reference: req.GetReference()}
}

// wireCreated is the result of one record. All records of a call have the same receipt.
func wireCreated(r store.PutResult, receipt audit.Receipt) *piinguinv1.CreatePiiRecordResult {
	if r.Err != nil {
		return &piinguinv1.CreatePiiRecordResult{Error: failureOf(r.Err).item()}
	}
	return &piinguinv1.CreatePiiRecordResult{
		Replaced:   r.Outcome == store.Replaced,
		Superseded: r.Outcome == store.Superseded,
		Receipt:    wireReceipt(receipt),
	}
}
