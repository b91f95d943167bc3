package policy

import (
	"cmp"
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// Source gives the policy that is in force: a *Policy, or a *File. It is safe for
// concurrent use.
type Source interface {
	// Current returns the policy as it is now. Call it once a request: two calls may
	// return different policies, and what both forbid could pass between them.
	Current() Decider
}

// Decider decides by one policy, which never changes. It is safe for concurrent use.
type Decider interface {
	// Ask prepares the decisions of one request. The function that it returns decides
	// about a record whose value was found in a field, in place of the request's
	// FieldName; with "" it decides as if the record did not exist. It is not safe for
	// concurrent use.
	Ask(r Request) func(field string) Decision
}

// Decision is an answer, with the policy that it rests on.
type Decision struct {
	Allow  bool
	Policy string // the id of the policy; empty if none matched
	Reason string // of a denial: a code of a-z and _
	// ByRole says that the caller lacks the role. No record can change such a denial.
	ByRole bool
}

// The reasons of denials whose policy names none.
const (
	PolicyDenied = "policy_denied" // nothing permits it, or a forbid without @reason
	PolicyFailed = "policy_failed" // a forbid could not be evaluated
)

// Current implements Source.
func (p *Policy) Current() Decider { return p }

// Decide decides about a request and the record that it names, if it names one.
func (p *Policy) Decide(r Request) Decision {
	field := ""
	if r.Read != nil {
		field = r.Read.FieldName
	}
	return p.Ask(r)(field)
}

// Ask implements Decider.
func (p *Policy) Ask(r Request) func(field string) Decision {
	rules, known := p.rules[r.Action]
	if !known {
		return denyAll
	}
	fixed := p.callers.prepare(p, rules, r.Caller, r.Action)
	if rules.open == nil {
		return fixed.decide
	}
	a := newAsked(r, fixed.caller)
	return func(field string) Decision {
		return p.conclude(fixed.answer.with(a.authorize(rules.open, r.Action, a.context(field))))
	}
}

// denyAll decides about an action that no policy knows.
func denyAll(string) Decision { return Decision{Reason: PolicyDenied} }

// answer is what Cedar says by some policies.
type answer struct {
	cedar.Decision
	cedar.Diagnostic
}

// authorize asks Cedar about the policies of a set.
func (a *asked) authorize(set *cedar.PolicySet, action Action, context types.Record) answer {
	decision, why := cedar.Authorize(set, a, cedar.Request{
		Principal: a.caller.UID, Action: types.NewEntityUID("Action", types.String(action)), Resource: vault, Context: context,
	})
	return answer{decision, why}
}

// with is what Cedar says by the policies of both. A Deny that gives reasons is of a forbid, and wins.
func (a answer) with(b answer) answer {
	both := answer{Diagnostic: cedar.Diagnostic{Errors: slices.Concat(a.Errors, b.Errors)}}
	forbids := func(x answer) bool { return x.Decision == cedar.Deny && len(x.Reasons) > 0 }
	switch {
	case forbids(a) == forbids(b):
		both.Decision = a.Decision || b.Decision
		both.Reasons = slices.Concat(a.Reasons, b.Reasons)
	case forbids(a):
		both.Reasons = a.Reasons
	default:
		both.Reasons = b.Reasons
	}
	return both
}

// conclude makes Cedar's answer a decision. A forbid that could not be evaluated denies:
// Cedar itself passes over it.
func (p *Policy) conclude(a answer) Decision {
	failed := slices.DeleteFunc(slices.Clone(a.Errors), func(e types.DiagnosticError) bool { return !p.entries[e.PolicyID].forbid })
	if len(failed) > 0 {
		first := slices.MinFunc(failed, func(a, b types.DiagnosticError) int { return p.byOrder(a.PolicyID, b.PolicyID) })
		return Decision{Policy: string(first.PolicyID), Reason: PolicyFailed}
	}
	d := Decision{Allow: a.Decision == cedar.Allow}
	if len(a.Reasons) > 0 {
		first := slices.MinFunc(a.Reasons, func(a, b types.DiagnosticReason) int { return p.byOrder(a.PolicyID, b.PolicyID) })
		d.Policy = string(first.PolicyID)
	}
	if !d.Allow {
		e := p.entries[cedar.PolicyID(d.Policy)]
		d.Reason, d.ByRole = cmp.Or(e.reason, PolicyDenied), e.role
	}
	return d
}

func (p *Policy) byOrder(a, b cedar.PolicyID) int { return p.entries[a].order - p.entries[b].order }
