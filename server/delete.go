package server

import (
	"context"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

// DeletePiiRecord implements piinguinv1.Piinguin.
func (m methods) DeletePiiRecord(ctx context.Context, req *piinguinv1.DeletePiiRecordRequest) (*piinguinv1.DeletePiiRecordResponse, error) {
	f := firstFailure(checkModifiedValue(req.GetModifiedValue(), piinguinv1.MaxStoredModifiedValue), checkStated(req))
	if f != nil {
		return nil, f.wire()
	}
	erasures, err := m.vault.Erase(ctx, m.call(ctx, policy.DeletePiiRecord), statedOf(req), []string{req.GetModifiedValue()})
	if err == nil {
		err = erasures[0].Err
	}
	if err != nil {
		return nil, failureOf(err).wire()
	}
	got := wireErasure(erasures[0])
	return &piinguinv1.DeletePiiRecordResponse{Erased: got.GetErased(), Receipt: got.GetReceipt()}, nil
}

// DeletePiiRecords implements piinguinv1.Piinguin. Each key stands for itself, with an entry of
// its own.
func (m methods) DeletePiiRecords(ctx context.Context, req *piinguinv1.DeletePiiRecordsRequest) (*piinguinv1.DeletePiiRecordsResponse, error) {
	values := req.GetModifiedValues()
	if f := firstFailure(checkItems("modified_values", len(values)), checkStated(req)); f != nil {
		return nil, f.wire()
	}
	accessOf(ctx).items = len(values)
	out := make([]*piinguinv1.DeletePiiRecordResult, len(values))
	keys, place := validKeys(values, func(i int, f *failure) { out[i] = &piinguinv1.DeletePiiRecordResult{Error: f.item()} })
	erasures, err := m.vault.Erase(ctx, m.call(ctx, policy.DeletePiiRecords), statedOf(req), keys)
	if err != nil {
		return nil, failureOf(err).wire()
	}
	for k, e := range erasures {
		out[place[k]] = wireErasure(e)
	}
	noteItems(ctx, out)
	return &piinguinv1.DeletePiiRecordsResponse{Results: out}, nil
}

// wireErasure is the result of one key.
func wireErasure(e vault.Erasure) *piinguinv1.DeletePiiRecordResult {
	if e.Err != nil {
		return &piinguinv1.DeletePiiRecordResult{Error: failureOf(e.Err).item()}
	}
	return &piinguinv1.DeletePiiRecordResult{Erased: e.Erased, Receipt: wireReceipt(e.Receipt)}
}
