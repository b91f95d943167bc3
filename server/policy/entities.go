package policy

import (
	"net/netip"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

var vault = types.NewEntityUID("Vault", "piinguin")

// groups are the actions by what they are in, as in the schema.
var groups = actionGroups(map[types.String][]types.String{
	"Create": {"CreatePiiRecord", "CreatePiiRecords"},
	"Read":   {"ReadPiiRecord", "ReadPiiRecords"},
	"Delete": {"DeletePiiRecord", "DeletePiiRecords"},
	"Review": {"ListEntries", "GetEntry", "GetCheckpoint", "ProveEntry", "ProveConsistency", "ReadTiles"},
})

func actionGroups(all map[types.String][]types.String) map[types.String]types.EntityUIDSet {
	in := map[types.String]types.EntityUIDSet{}
	for group, actions := range all {
		for _, a := range actions {
			in[a] = types.NewEntityUIDSet(types.NewEntityUID("Action", group))
		}
	}
	return in
}

// covers reports whether a policy of that scope can matter to an action. Evaluating only
// those that can is most of what makes a decision cheap.
func covers(scope ast.IsActionScopeNode, action types.String) bool {
	of := func(uid types.EntityUID) bool {
		return uid == types.NewEntityUID("Action", action) || groups[action].Contains(uid)
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

// entities are those of a request: the caller with its roles and groups, and the action.
type entities struct{ Request }

// Get implements types.EntityGetter.
func (e entities) Get(uid types.EntityUID) (types.Entity, bool) {
	switch uid.Type {
	case "Action":
		in, known := groups[uid.ID]
		return types.Entity{UID: uid, Parents: in}, known
	case "Caller":
		return e.caller(uid)
	}
	return types.Entity{}, false
}

func (e entities) caller(uid types.EntityUID) (types.Entity, bool) {
	parents := make([]types.EntityUID, len(e.Roles))
	for i, r := range e.Roles {
		parents[i] = types.NewEntityUID("Role", types.String(r))
		if group := r.group(); group != "" {
			parents[i] = types.NewEntityUID("Group", types.String(group))
		}
	}
	return types.Entity{
		UID: uid, Parents: types.NewEntityUIDSet(parents...),
		Attributes: types.NewRecord(types.RecordMap{
			"name": types.String(e.Caller), "authentication": types.String(e.Authentication),
		}),
	}, uid.ID == types.String(e.Caller)
}

func (r Request) context() types.Record {
	c := types.RecordMap{"time": types.NewDatetime(r.Time)}
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
		if r.Read.FieldName != "" {
			c["field_name"] = types.String(r.Read.FieldName)
		}
	}
	return types.NewRecord(c)
}
