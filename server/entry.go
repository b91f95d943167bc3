package server

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
)

// entry begins the entry of a request: who asks, and in which request.
func entry(ctx context.Context, op audit.Operation, outcome audit.Outcome) audit.Entry {
	a := accessOf(ctx)
	return audit.Entry{
		Operation: op, Outcome: outcome,
		Caller: a.caller.Name, Authentication: a.caller.Authentication, RequestID: a.requestID,
	}
}

// appendAll appends entries, one result each. The caller's going away does not
// keep an entry from being written: what was asked is asked. The ledger's own
// deadline bounds it.
func (s *Server) appendAll(ctx context.Context, entries []audit.Entry) []audit.Result {
	results := s.ledger.AppendAll(context.WithoutCancel(ctx), entries)
	for _, r := range results {
		if r.Err != nil {
			s.metrics.auditFailed.Inc()
			s.log.Error().Str("request_id", accessOf(ctx).requestID).
				Bool("unavailable", errors.Is(r.Err, audit.ErrUnavailable)).Msg("audit append failed")
			continue
		}
		accessOf(ctx).appended(r.Durable.Receipt())
	}
	return results
}

// append appends one entry.
func (s *Server) append(ctx context.Context, e audit.Entry) (audit.Receipt, error) {
	r := s.appendAll(ctx, []audit.Entry{e})[0]
	return r.Durable.Receipt(), r.Err
}

// decide asks the policy. read is nil but for reads.
func (s *Server) decide(ctx context.Context, action policy.Action, read *policy.Read) policy.Decision {
	a := accessOf(ctx)
	return s.policy.Decide(policy.Request{
		Caller: a.caller.Name, Authentication: a.caller.Authentication, Roles: a.caller.Roles,
		Action: action, Time: s.now(), Network: a.network, Read: read,
	})
}

// authorise returns nil if the caller may do it. A denial is an entry for each of the
// entries, and only when those are durable is the caller told of it. The
// entries get the policy's id.
func (s *Server) authorise(ctx context.Context, action policy.Action, entries ...*audit.Entry) *failure {
	d := s.decide(ctx, action, nil)
	if !d.Allow {
		return s.deny(ctx, d, entries...)
	}
	for _, e := range entries {
		e.Policy = d.Policy
	}
	return nil
}

// deny appends the entries as denied, and returns what the caller is told.
func (s *Server) deny(ctx context.Context, d policy.Decision, entries ...*audit.Entry) *failure {
	denied := make([]audit.Entry, len(entries))
	for i, e := range entries {
		denied[i] = *e
		denied[i].Outcome, denied[i].Reason, denied[i].Policy = audit.Denied, d.Reason, d.Policy
	}
	for _, r := range s.appendAll(ctx, denied) {
		if r.Err != nil {
			return failAudit
		}
	}
	return failureOfDenial(d)
}

func wireReceipt(r audit.Receipt) *piinguinv1.AuditReceipt {
	return &piinguinv1.AuditReceipt{
		Log: r.Log, Index: r.Index, Time: timestamppb.New(r.Time), LeafHash: r.LeafHash[:],
	}
}

func pointers(entries []audit.Entry) []*audit.Entry {
	all := make([]*audit.Entry, len(entries))
	for i := range entries {
		all[i] = &entries[i]
	}
	return all
}
