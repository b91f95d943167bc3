package server

import (
	"context"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
)

// DeletePiiRecord implements piinguinv1.Piinguin.
func (s *Server) DeletePiiRecord(ctx context.Context, req *piinguinv1.DeletePiiRecordRequest) (*piinguinv1.DeletePiiRecordResponse, error) {
	if f := checkModifiedValue(req.GetModifiedValue()); f != nil {
		return nil, f.wire()
	}
	results, f := s.erase(ctx, "DeletePiiRecord", []string{req.GetModifiedValue()})
	if f == nil {
		f = results[0].failure
	}
	if f != nil {
		return nil, f.wire()
	}
	return &piinguinv1.DeletePiiRecordResponse{Erased: results[0].erased, Receipt: results[0].receipt}, nil
}

// DeletePiiRecords implements piinguinv1.Piinguin.
func (s *Server) DeletePiiRecords(ctx context.Context, req *piinguinv1.DeletePiiRecordsRequest) (*piinguinv1.DeletePiiRecordsResponse, error) {
	asked := req.GetModifiedValues()
	if f := checkItems("modified_values", len(asked)); f != nil {
		return nil, f.wire()
	}
	accessOf(ctx).items = len(asked)
	out := make([]*piinguinv1.DeletePiiRecordResult, len(asked))
	keys, place := validKeys(asked, func(i int, f *failure) { out[i] = &piinguinv1.DeletePiiRecordResult{Error: f.item()} })
	results, f := s.erase(ctx, "DeletePiiRecords", keys)
	if f != nil {
		return nil, f.wire()
	}
	for k, r := range results {
		out[place[k]] = &piinguinv1.DeletePiiRecordResult{Erased: r.erased, Receipt: r.receipt}
		if r.failure != nil {
			out[place[k]] = &piinguinv1.DeletePiiRecordResult{Error: r.failure.item()}
		}
	}
	return &piinguinv1.DeletePiiRecordsResponse{Results: out}, nil
}

type eraseResult struct {
	erased  bool
	receipt *piinguinv1.AuditReceipt
	failure *failure
}

// erase appends an entry for each record and erases those whose entry is durable.
// An erasure that fails then is an entry as well.
func (s *Server) erase(ctx context.Context, action policy.Action, keys []string) ([]eraseResult, *failure) {
	entries := make([]audit.Entry, len(keys))
	for i, key := range keys {
		entries[i] = entry(ctx, audit.Delete, audit.Granted)
		entries[i].ModifiedValue = key
	}
	if f := s.authorise(ctx, action, pointers(entries)...); f != nil {
		return nil, f
	}
	results := make([]eraseResult, len(keys))
	var allowed []string
	var place []int
	for i, appended := range s.appendAll(ctx, entries) {
		if appended.Err != nil {
			results[i].failure = failAudit
			continue
		}
		results[i].receipt = wireReceipt(appended.Durable.Receipt())
		allowed, place = append(allowed, keys[i]), append(place, i)
	}
	var failed []audit.Entry
	for k, r := range s.store.Erase(ctx, allowed, s.now()) {
		i := place[k]
		if results[i].erased = r.Erased; r.Err != nil {
			f := failureOf(r.Err)
			results[i] = eraseResult{failure: f}
			entries[i].Outcome, entries[i].Reason = audit.Failed, f.reason
			failed = append(failed, entries[i])
		}
	}
	s.appendAll(ctx, failed) // counted and logged; the caller gets the store's error
	return results, nil
}
