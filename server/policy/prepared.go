package policy

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go/types"
)

// maxPrepared bounds how many callers and actions a policy remembers.
const maxPrepared = 10_000

// callers keeps what a policy can say of a caller and an action before there is a request. A policy of
// Cedar is a function of principal, action, resource and context, and nothing else, neither a clock nor chance. So
// what the policies say that do not read the context stays the same as long as the caller and its roles do.
type callers struct {
	mu   sync.RWMutex
	kept map[asking]*prepared
}

type asking struct {
	name, authentication string
	action               Action
}

// prepared is what is known of a caller and an action. It does not change.
type prepared struct {
	roles  []Role
	caller types.Entity
	answer answer                // of rules.fixed
	decide func(string) Decision // the decision, where rules.open is nil
}

func newCallers() *callers { return &callers{kept: map[asking]*prepared{}} }

// prepare returns what is known of a caller with the roles that it has now.
func (c *callers) prepare(p *Policy, r *rules, caller Caller, action Action) *prepared {
	key := asking{caller.Name, caller.Authentication, action}
	c.mu.RLock()
	found, known := c.kept[key]
	c.mu.RUnlock()
	if known && slices.Equal(found.roles, caller.Roles) {
		return found
	}
	made := p.prepare(r, caller, action)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= maxPrepared {
		clear(c.kept)
	}
	c.kept[key] = made
	return made
}

func (p *Policy) prepare(r *rules, caller Caller, action Action) *prepared {
	asks := &asked{caller: caller.entity()}
	made := &prepared{roles: slices.Clone(caller.Roles), caller: asks.caller, answer: asks.authorize(r.fixed, action, types.Record{})}
	d := p.conclude(made.answer)
	made.decide = func(string) Decision { return d }
	return made
}

// readsContext reports whether a policy in Cedar's JSON form reads the context. There a variable is
// {"Var": NAME} wherever it stands. What cannot be read counts as if it did.
func readsContext(policy []byte) bool {
	var tree any
	return json.Unmarshal(policy, &tree) != nil || hasContext(tree)
}

func hasContext(node any) bool {
	switch n := node.(type) {
	case []any:
		return slices.ContainsFunc(n, hasContext)
	case map[string]any:
		if n["Var"] == "context" {
			return true
		}
		for _, child := range n {
			if hasContext(child) {
				return true
			}
		}
	}
	return false
}
