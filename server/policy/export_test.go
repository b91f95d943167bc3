package policy

import (
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// DecideFresh decides by all policies of an action at once, with nothing that was kept of another request.
func (p *Policy) DecideFresh(r Request, field string) Decision {
	both := cedar.NewPolicySet()
	for _, set := range []*cedar.PolicySet{p.rules[r.Action].fixed, p.rules[r.Action].open} {
		if set == nil {
			continue
		}
		for id, one := range set.All() {
			both.Add(id, one)
		}
	}
	a := newAsked(r, r.Caller.entity())
	decision, why := cedar.Authorize(both, a, cedar.Request{
		Principal: a.caller.UID, Action: types.NewEntityUID("Action", types.String(r.Action)), Resource: vault, Context: a.context(field),
	})
	return p.conclude(answer{decision, why})
}

// Kept reports whether all that the policies say of an action is kept from one request to the next.
func (p *Policy) Kept(action Action) bool { return p.rules[action].open == nil }
