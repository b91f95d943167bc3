package policy

import (
	"net/netip"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

var vault = types.NewEntityUID("Vault", "piinguin")

// covers reports whether a policy of that scope can matter to an action. Evaluating only
// those that can is most of what makes a decision cheap.
func covers(scope ast.IsActionScopeNode, action Action) bool {
	of := func(uid types.EntityUID) bool {
		return uid == types.NewEntityUID("Action", types.String(action)) || groups[action].Contains(uid)
	}
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return of(s.Entity)
	case ast.ScopeTypeIn:
		return of(s.Entity)
	case ast.ScopeTypeInSet:
		return slices.ContainsFunc(s.Entities, of)
	}
	return true
}

// asked is one request while it is decided. It is not safe for concurrent use.
//
// Making a Cedar record costs more than evaluating a policy does, because a record hashes
// what it holds. So the context is made once for each field name.
type asked struct {
	caller   types.Entity
	base     types.RecordMap // the context without field_name
	contexts map[string]types.Record
}

func newAsked(r Request, caller types.Entity) *asked {
	return &asked{caller: caller, base: r.base(), contexts: make(map[string]types.Record, 2)}
}

// Get implements types.EntityGetter.
func (a *asked) Get(uid types.EntityUID) (types.Entity, bool) {
	switch uid.Type {
	case "Action":
		in, known := groups[Action(uid.ID)]
		return types.Entity{UID: uid, Parents: in}, known
	case "Caller":
		return a.caller, uid == a.caller.UID
	}
	return types.Entity{}, false
}

// context returns the context of a record with a field name; "" is no record, or a record
// without one.
func (a *asked) context(field string) types.Record {
	c, made := a.contexts[field]
	if made {
		return c
	}
	if field == "" {
		c = types.NewRecord(a.base)
	} else {
		a.base["field_name"] = types.String(field)
		c = types.NewRecord(a.base) // it copies the map
		delete(a.base, "field_name")
	}
	a.contexts[field] = c
	return c
}

func (c Caller) entity() types.Entity {
	parents := make([]types.EntityUID, len(c.Roles))
	for i, r := range c.Roles {
		parents[i] = types.NewEntityUID("Role", types.String(r))
		if group := r.group(); group != "" {
			parents[i] = types.NewEntityUID("Group", types.String(group))
		}
	}
	return types.Entity{
		UID: types.NewEntityUID("Caller", types.String(c.Principal())), Parents: types.NewEntityUIDSet(parents...),
		Attributes: types.NewRecord(types.RecordMap{
			"name": types.String(c.Name), "authentication": types.String(c.Authentication),
		}),
	}
}

func (r Request) base() types.RecordMap {
	c := make(types.RecordMap, 8)
	c["time"] = types.NewDatetime(r.Time)
	if r.Network.IsValid() {
		address := r.Network.Unmap().WithZone("")
		c["network"] = types.IPAddr(netip.PrefixFrom(address, address.BitLen()))
	}
	if r.Read != nil {
		c["basis"] = types.String(r.Read.Basis)
		c["purpose"] = types.String(r.Read.Purpose)
		c["reference"] = types.String(r.Read.Reference)
		c["on_behalf_of"] = types.String(r.Read.OnBehalfOf)
		c["special_category_condition"] = types.String(r.Read.SpecialCategoryCondition)
	}
	return c
}
