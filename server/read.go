package server

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

// ReadPiiRecord implements piinguinv1.Piinguin. What is refused before the vault, by a check or
// a limit, makes no entry.
func (m methods) ReadPiiRecord(ctx context.Context, req *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	f := firstFailure(checkModifiedValue(req.GetModifiedValue(), piinguinv1.MaxStoredModifiedValue), m.checkStatement(req))
	if f == nil {
		f = m.limitRecords(ctx, 1)
	}
	if f != nil {
		return nil, f.wire()
	}
	readings, err := m.read(ctx, policy.ReadPiiRecord, req, []string{req.GetModifiedValue()})
	if err == nil {
		err = readings[0].Err()
	}
	if err != nil {
		return nil, failureOf(err).wire()
	}
	got := wireReading(readings[0])
	return &piinguinv1.ReadPiiRecordResponse{PiiRecord: got.GetPiiRecord(), Receipt: got.GetReceipt()}, nil
}

// ReadPiiRecords implements piinguinv1.Piinguin. Bad keys have an error in their place and make
// no entry; they count for the caller's limit all the same.
func (m methods) ReadPiiRecords(ctx context.Context, req *piinguinv1.ReadPiiRecordsRequest) (*piinguinv1.ReadPiiRecordsResponse, error) {
	values := req.GetModifiedValues()
	if f := firstFailure(checkItems("modified_values", len(values)), m.checkStatement(req)); f != nil {
		return nil, f.wire()
	}
	accessOf(ctx).items = len(values)
	if f := m.limitRecords(ctx, len(values)); f != nil {
		return nil, f.wire()
	}
	out := make([]*piinguinv1.ReadPiiRecordResult, len(values))
	keys, place := validKeys(values, func(i int, f *failure) { out[i] = &piinguinv1.ReadPiiRecordResult{Error: f.item()} })
	readings, err := m.read(ctx, policy.ReadPiiRecords, req, keys)
	if err != nil {
		return nil, failureOf(err).wire()
	}
	for k, r := range readings {
		out[place[k]] = wireReading(r)
	}
	noteItems(ctx, out)
	return &piinguinv1.ReadPiiRecordsResponse{Results: out}, nil
}

// validKeys returns the valid ones of the values, and where each of them stands. It calls
// refused for the others.
func validKeys(values []string, refused func(i int, f *failure)) (keys []string, place []int) {
	for i, key := range values {
		if f := checkModifiedValue(key, piinguinv1.MaxStoredModifiedValue); f != nil {
			refused(i, f)
			continue
		}
		keys, place = append(keys, key), append(place, i)
	}
	return keys, place
}

// statementOf is the wire's statement as the vault takes it. The condition is empty if none is
// stated, and not the name of the enum's zero.
func statementOf(req statement) vault.Statement {
	s := statedOf(req)
	s.Basis = req.GetProcessingBasis().String()
	if c := req.GetSpecialCategoryCondition(); c != 0 {
		s.Condition = c.String()
	}
	return s
}

func statedOf(req stated) vault.Statement {
	return vault.Statement{Purpose: req.GetPurpose(), Reference: req.GetReference(), OnBehalfOf: req.GetOnBehalfOf()}
}

// wireReading is the result of one key: the only place of the server where a value is in the
// open.
func wireReading(r vault.Reading) *piinguinv1.ReadPiiRecordResult {
	value, ok := r.Value()
	if !ok {
		return &piinguinv1.ReadPiiRecordResult{Error: failureOf(r.Err()).item()}
	}
	record := value.Record()
	w := &piinguinv1.PiiRecord{ModifiedValue: record.ModifiedValue, OriginalValue: value.Text()}
	if !record.ObservedAt.IsZero() {
		w.ObservedAt = timestamppb.New(record.ObservedAt)
	}
	if src := record.Source; src != (store.Source{}) {
		w.Source = &piinguinv1.Source{
			FieldName: src.FieldName, JsonPath: src.JSONPath, Schema: src.Schema,
			HashFunction: src.HashFunction, ParentEventId: src.ParentEventID,
		}
	}
	return &piinguinv1.ReadPiiRecordResult{PiiRecord: w, Receipt: wireReceipt(value.Receipt())}
}

// wireReceipt is a receipt as the contract has it.
func wireReceipt(r audit.Receipt) *piinguinv1.AuditReceipt {
	return &piinguinv1.AuditReceipt{
		Log: r.Log.String(), Index: r.Index, Time: timestamppb.New(r.Time), LeafHash: r.LeafHash[:],
	}
}
