package server

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

// ListEntries implements piinguinv1.Audit.
func (m methods) ListEntries(ctx context.Context, req *piinguinv1.ListEntriesRequest) (*piinguinv1.ListEntriesResponse, error) {
	call := m.call(ctx, policy.ListEntries)
	q, f := queryOf(req, call.Caller)
	if f != nil {
		return nil, f.wire()
	}
	var found []audit.Entry
	var next *audit.Position
	inquiry := vault.Inquiry{ModifiedValue: subjectOf(req), Reference: describe(req)}
	receipt, err := m.vault.Review(ctx, call, inquiry, func() (err error) {
		found, next, err = m.ledger.Index().List(ctx, q)
		return err
	})
	if err != nil {
		return nil, failureOf(err).wire()
	}
	out := &piinguinv1.ListEntriesResponse{Receipt: wireReceipt(receipt)}
	for _, e := range found {
		w, err := wireEntry(e)
		if err != nil {
			return nil, failureOf(err).wire()
		}
		out.Entries = append(out.Entries, w)
	}
	if next != nil {
		out.NextPageToken = next.String()
	}
	return out, nil
}

// GetEntry implements piinguinv1.Audit. An entry that does not exist is an entry of the reading
// as well.
func (m methods) GetEntry(ctx context.Context, req *piinguinv1.GetEntryRequest) (*piinguinv1.GetEntryResponse, error) {
	log, f := checkPlace(req.GetLog(), req.GetIndex())
	if f != nil {
		return nil, f.wire()
	}
	var found audit.Entry
	inquiry := vault.Inquiry{Reference: fmt.Sprintf("entry %s/%d", req.GetLog(), req.GetIndex())}
	_, err := m.vault.Review(ctx, m.call(ctx, policy.GetEntry), inquiry, func() (err error) {
		found, err = m.ledger.Index().Entry(ctx, log, req.GetIndex())
		return err
	})
	if err != nil {
		return nil, failureOf(err).wire()
	}
	w, err := wireEntry(found)
	if err != nil {
		return nil, failureOf(err).wire()
	}
	return &piinguinv1.GetEntryResponse{Entry: w}, nil
}

// GetCheckpoint implements piinguinv1.Audit.
func (m methods) GetCheckpoint(ctx context.Context, req *piinguinv1.GetCheckpointRequest) (*piinguinv1.GetCheckpointResponse, error) {
	var logs []audit.LogID
	if req.GetLog() != "" {
		log, f := checkLog("log", req.GetLog())
		if f != nil {
			return nil, f.wire()
		}
		logs = append(logs, log)
	}
	out := &piinguinv1.GetCheckpointResponse{}
	inquiry := vault.Inquiry{Reference: strings.TrimSpace("checkpoint " + req.GetLog()), Hashes: true}
	_, err := m.vault.Review(ctx, m.call(ctx, policy.GetCheckpoint), inquiry, func() (err error) {
		out.Checkpoints, err = m.checkpoints(ctx, logs)
		return err
	})
	if err != nil {
		return nil, failureOf(err).wire()
	}
	return out, nil
}

// checkpoints returns the checkpoints of logs, or with none those of all.
func (s *Server) checkpoints(ctx context.Context, logs []audit.LogID) ([]*piinguinv1.Checkpoint, error) {
	if logs == nil {
		var err error
		if logs, err = s.ledger.Logs(ctx); err != nil {
			return nil, err
		}
	}
	var all []*piinguinv1.Checkpoint
	for _, log := range logs {
		signed, tree, err := s.ledger.Checkpoint(ctx, log)
		if err != nil {
			return nil, err
		}
		all = append(all, &piinguinv1.Checkpoint{
			Log: log.String(), Size: tree.N, RootHash: tree.Hash[:], Checkpoint: string(signed),
		})
	}
	return all, nil
}

// wireEntry is an entry as the contract has it: its line to the byte, which is what a reviewer
// verifies, and the fields for reading. A value that the contract has no name for is 0 there.
func wireEntry(e audit.Entry) (*piinguinv1.Entry, error) {
	line, err := e.Format()
	if err != nil {
		return nil, err
	}
	leaf := audit.LeafHash(line)
	return &piinguinv1.Entry{
		Line: string(line), LeafHash: leaf[:], Log: e.Log.String(), Index: e.Index, Time: timestamppb.New(e.Time),
		Operation: piinguinv1.Operation(piinguinv1.Operation_value[string(e.Operation)]),
		Outcome:   piinguinv1.Outcome(piinguinv1.Outcome_value[string(e.Outcome)]),
		Reason:    e.Reason, Caller: e.Caller, Authentication: e.Authentication, OnBehalfOf: e.OnBehalfOf,
		Basis:   piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[e.Basis]),
		Purpose: e.Purpose, Reference: e.Reference, ModifiedValue: e.ModifiedValue,
		RequestId: e.RequestID, Count: e.Count, Checkpoint: e.Checkpoint,
		About: e.About, Detail: e.Detail, Ledger: e.Ledger,
		Policy: e.Policy, SpecialCategoryCondition: piinguinv1.SpecialCategoryCondition(piinguinv1.SpecialCategoryCondition_value[e.Condition]),
	}, nil
}
