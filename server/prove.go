package server

import (
	"context"
	"fmt"
	"regexp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

// ProveEntry implements piinguinv1.Audit. A proof holds hashes and no entry, so only a denial
// is an entry.
func (m methods) ProveEntry(ctx context.Context, req *piinguinv1.ProveEntryRequest) (*piinguinv1.ProveEntryResponse, error) {
	if f := checkEntryName(req.GetLog(), req.GetIndex()); f != nil {
		return nil, f.wire()
	}
	var proof []byte
	inquiry := vault.Inquiry{Reference: fmt.Sprintf("prove entry %s/%d", req.GetLog(), req.GetIndex()), Hashes: true}
	_, err := m.vault.Review(ctx, m.call(ctx, policy.ProveEntry), inquiry, func() (err error) {
		proof, err = m.ledger.ProveEntry(ctx, req.GetLog(), req.GetIndex())
		return err
	})
	if err != nil {
		return nil, failureOf(err).wire()
	}
	return &piinguinv1.ProveEntryResponse{Proof: string(proof)}, nil
}

// ProveConsistency implements piinguinv1.Audit. Only a denial is an entry.
func (m methods) ProveConsistency(ctx context.Context, req *piinguinv1.ProveConsistencyRequest) (*piinguinv1.ProveConsistencyResponse, error) {
	f := checkLog(req.GetLog())
	if f == nil && req.GetOldSize() < 1 {
		f = invalid("old_size", "out_of_range", "must be at least 1")
	}
	if f != nil {
		return nil, f.wire()
	}
	var p audit.ConsistencyProof
	inquiry := vault.Inquiry{Reference: fmt.Sprintf("prove consistency %s from %d", req.GetLog(), req.GetOldSize()), Hashes: true}
	_, err := m.vault.Review(ctx, m.call(ctx, policy.ProveConsistency), inquiry, func() (err error) {
		p, err = m.ledger.ProveConsistency(ctx, req.GetLog(), req.GetOldSize())
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
func checkLog(log string) *failure {
	if log == "" {
		return invalid("log", "required", "is required")
	}
	if !logName.MatchString(log) {
		return invalid("log", "not_a_name", "must be a log's name: at most 63 of a-z, 0-9, dot and hyphen, and no dot or hyphen first")
	}
	return nil
}

// logName keeps rows that are no log's, such as the ledger's key, from being asked for as logs: what
// is found there would look like a ledger that was changed.
var logName = regexp.MustCompile(piinguinv1.LogNamePattern)

// checkEntryName checks the place of an entry.
func checkEntryName(log string, index int64) *failure {
	if f := checkLog(log); f != nil {
		return f
	}
	if index < 0 {
		return invalid("index", "negative", "must not be negative")
	}
	return nil
}
