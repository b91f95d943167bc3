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
	set, known := p.sets[r.Action]
	if !known {
		return func(string) Decision { return Decision{Reason: PolicyDenied} }
	}
	a := newAsked(r)
	return func(field string) Decision {
		return p.conclude(cedar.Authorize(set, a, cedar.Request{
			Principal: a.caller.UID,
			Action:    types.NewEntityUID("Action", types.String(r.Action)),
			Resource:  vault,
			Context:   a.context(field),
		}))
	}
}

// conclude makes Cedar's answer a decision. A forbid that could not be evaluated denies:
// Cedar itself passes over it.
func (p *Policy) conclude(answer cedar.Decision, why cedar.Diagnostic) Decision {
	for _, e := range why.Errors {
		if p.entries[e.PolicyID].forbid {
			return Decision{Policy: string(e.PolicyID), Reason: PolicyFailed}
		}
	}
	d := Decision{Allow: answer == cedar.Allow}
	if len(why.Reasons) > 0 {
		first := slices.MinFunc(why.Reasons, func(a, b types.DiagnosticReason) int {
			return p.entries[a.PolicyID].order - p.entries[b.PolicyID].order
		})
		d.Policy = string(first.PolicyID)
	}
	if !d.Allow {
		e := p.entries[cedar.PolicyID(d.Policy)]
		d.Reason, d.ByRole = cmp.Or(e.reason, PolicyDenied), e.role
	}
	return d
}
