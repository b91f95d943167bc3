package server

import (
	"context"
	"fmt"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// ProveEntry implements piinguinv1.Audit.
func (s *Server) ProveEntry(ctx context.Context, req *piinguinv1.ProveEntryRequest) (*piinguinv1.ProveEntryResponse, error) {
	f := checkEntryName(req.GetLog(), req.GetIndex())
	if f == nil {
		denied := entry(ctx, audit.Review, audit.Denied)
		denied.Reference = fmt.Sprintf("prove entry %s/%d", req.GetLog(), req.GetIndex())
		f = s.authorise(ctx, "ProveEntry", &denied)
	}
	if f != nil {
		return nil, f.wire()
	}
	proof, err := s.ledger.ProveEntry(ctx, req.GetLog(), req.GetIndex())
	if err != nil {
		return nil, reviewFailure(err).wire()
	}
	return &piinguinv1.ProveEntryResponse{Proof: string(proof)}, nil
}

// ProveConsistency implements piinguinv1.Audit.
func (s *Server) ProveConsistency(ctx context.Context, req *piinguinv1.ProveConsistencyRequest) (*piinguinv1.ProveConsistencyResponse, error) {
	f := checkLog(req.GetLog())
	if f == nil && req.GetOldSize() < 1 {
		f = invalid("old_size", "out_of_range", "must be at least 1")
	}
	if f == nil {
		denied := entry(ctx, audit.Review, audit.Denied)
		denied.Reference = fmt.Sprintf("prove consistency %s from %d", req.GetLog(), req.GetOldSize())
		f = s.authorise(ctx, "ProveConsistency", &denied)
	}
	if f != nil {
		return nil, f.wire()
	}
	p, err := s.ledger.ProveConsistency(ctx, req.GetLog(), req.GetOldSize())
	if err != nil {
		return nil, reviewFailure(err).wire()
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
	return checkText("log", log, maxLogName)
}

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
