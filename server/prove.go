package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

// ProveEntry implements piinguinv1.Audit. A proof holds hashes and no entry, so only a denial
// is an entry.
func (m methods) ProveEntry(ctx context.Context, req *piinguinv1.ProveEntryRequest) (*piinguinv1.ProveEntryResponse, error) {
	log, f := checkPlace(req.GetLog(), req.GetIndex())
	if f != nil {
		return nil, f.wire()
	}
	var proof, kept []byte
	inquiry := vault.Inquiry{Reference: fmt.Sprintf("prove entry %s/%d", req.GetLog(), req.GetIndex()), Hashes: true}
	_, err := m.vault.Review(ctx, m.call(ctx, policy.ProveEntry), inquiry, func() (err error) {
		proof, kept, err = m.ledger.ProveListed(ctx, log, req.GetIndex())
		if errors.Is(err, audit.ErrNotListed) {
			proof, err = m.ledger.ProveEntry(ctx, log, req.GetIndex())
		}
		return err
	})
	if err != nil {
		return nil, failureOf(err).wire()
	}
	return &piinguinv1.ProveEntryResponse{Proof: string(proof), Kept: string(kept)}, nil
}

// ProveConsistency implements piinguinv1.Audit. Only a denial is an entry.
func (m methods) ProveConsistency(ctx context.Context, req *piinguinv1.ProveConsistencyRequest) (*piinguinv1.ProveConsistencyResponse, error) {
	log, f := checkLog("log", req.GetLog())
	if f == nil && req.GetOldSize() < 1 {
		f = invalid("old_size", "out_of_range", "must be at least 1")
	}
	if f != nil {
		return nil, f.wire()
	}
	var p audit.ConsistencyProof
	inquiry := vault.Inquiry{Reference: fmt.Sprintf("prove consistency %s from %d", req.GetLog(), req.GetOldSize()), Hashes: true}
	_, err := m.vault.Review(ctx, m.call(ctx, policy.ProveConsistency), inquiry, func() (err error) {
		p, err = m.ledger.ProveConsistency(ctx, log, req.GetOldSize())
		return err
	})
	if err != nil {
		return nil, failureOf(err).wire()
	}
	out := &piinguinv1.ProveConsistencyResponse{
		OldSize: p.OldSize, NewSize: p.NewSize, Checkpoint: string(p.Checkpoint),
	}
	for _, h := range p.Hashes {
		out.Hashes = append(out.Hashes, h[:])
	}
	return out, nil
}

// checkLog checks the name of a log.
func checkLog(field, name string) (audit.LogID, *failure) {
	if name == "" {
		return 0, invalid(field, "required", "is required")
	}
	log, err := audit.ParseLogID(name)
	if err != nil {
		return 0, invalid(field, "not_a_log", fmt.Sprintf("must be %s, or the number of a log: 1 to %d", piinguinv1.Spine, piinguinv1.MaxLogs))
	}
	return log, nil
}

// checkPlace checks the place of an entry.
func checkPlace(name string, index int64) (audit.LogID, *failure) {
	log, f := checkLog("log", name)
	if f == nil && index < 0 {
		f = invalid("index", "negative", "must not be negative")
	}
	return log, f
}
