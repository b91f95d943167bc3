package policy_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/policy"
)

var roleNames = []string{"writer", "reader", "eraser", "auditor"}

// everything permits all that a policy can permit.
const everything = `permit (principal, action, resource);`

func newPolicy(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.New("test.cedar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(action policy.Action, roles ...policy.Role) policy.Request {
	r := policy.Request{
		Caller: policy.Caller{Name: "somebody", Authentication: "token", Roles: roles}, Action: action,
		Time: time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC),
	}
	if action.IsRead() {
		r.Read = &policy.Read{Basis: "CONTRACT"}
	}
	return r
}

// No set of roles that a caller can be given reads originals and the ledger, whatever
// the policy, and no other set even if it were given.
func TestNobodyReadsBoth(t *testing.T) {
	reads := []policy.Action{"ReadPiiRecord", "ReadPiiRecords"}
	for _, p := range []*policy.Policy{policy.NewBuiltin(), newPolicy(t, everything)} {
		for set := range 1 << len(roleNames) {
			var roles []policy.Role
			for i, name := range roleNames {
				if set&(1<<i) != 0 {
					roles = append(roles, policy.Role(name))
				}
			}
			may := func(a policy.Action) bool { return p.Decide(request(a, roles...)).Allow }
			for _, a := range policy.Actions() {
				for _, read := range reads {
					isReview := !slices.Contains([]string{"Crea", "Read", "Dele"}, string(a)[:4]) || a == "ReadTiles"
					if isReview && may(read) && may(a) {
						t.Errorf("%v may %s and %s", roles, read, a)
					}
				}
			}
		}
	}
}

func TestEachRoleMayItsOwn(t *testing.T) {
	own := map[policy.Role][]policy.Action{
		policy.Writer:  {"CreatePiiRecord", "CreatePiiRecords"},
		policy.Reader:  {"ReadPiiRecord", "ReadPiiRecords"},
		policy.Eraser:  {"DeletePiiRecord", "DeletePiiRecords"},
		policy.Auditor: {"ListEntries", "Summarize", "GetEntry", "GetCheckpoint", "ProveEntry", "ProveConsistency", "ReadTiles"},
	}
	for _, p := range []*policy.Policy{policy.NewBuiltin(), newPolicy(t, everything)} {
		for role, actions := range own {
			for _, a := range policy.Actions() {
				d := p.Decide(request(a, role, "group:somewhere"))
				if d.Allow != slices.Contains(actions, a) {
					t.Errorf("%s and %s: %+v", role, a, d)
				}
				if d.Policy == "" || !d.Allow && d.Reason != "role_required" {
					t.Errorf("%s and %s: %+v, want a policy, and role_required of a denial", role, a, d)
				}
			}
			if d := p.Decide(request("Nothing", role)); d.Allow {
				t.Errorf("%s may do what there is not", role)
			}
		}
	}
	for _, roles := range [][]policy.Role{nil, {"admin"}, {"group:reader"}, {"group:on-call"}} {
		if d := newPolicy(t, everything).Decide(request("ReadPiiRecord", roles...)); d.Allow {
			t.Errorf("%v may read", roles)
		}
	}
}

func TestParseRolesRefuses(t *testing.T) {
	for _, names := range [][]string{
		nil, {""}, {"admin"}, {"Writer"}, {"reader", "auditor"}, {"writer", "admin"}, {"group:on-call"},
		{"writer", "group:"}, {"writer", "group:a b"}, {"writer", "group:-"}, {"auditor", "group:x", "reader"},
	} {
		if _, err := policy.ParseRoles(names); !errors.Is(err, policy.ErrRoles) {
			t.Errorf("%q: %v, want ErrRoles", names, err)
		}
	}
	if roles, err := policy.ParseRoles([]string{"reader", "group:on-call"}); err != nil || len(roles) != 2 {
		t.Errorf("a role and a group: %v, %v", roles, err)
	}
}
