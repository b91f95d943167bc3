package policy_test

import (
	"errors"
	"testing"

	"github.com/piinguin/piinguin/server/policy"
)

var roles = []string{"writer", "reader", "eraser", "auditor"}

// No set of roles that a caller can be given reads originals and the ledger.
func TestNobodyReadsBoth(t *testing.T) {
	for set := range 1 << len(roles) {
		var names []string
		for i, name := range roles {
			if set&(1<<i) != 0 {
				names = append(names, name)
			}
		}
		given, err := policy.ParseRoles(names)
		if err != nil {
			if !errors.Is(err, policy.ErrRoles) {
				t.Errorf("%v: %v", names, err)
			}
			continue
		}
		for _, read := range []policy.Action{"ReadPiiRecord", "ReadPiiRecords"} {
			for _, review := range []policy.Action{"ListEntries", "GetEntry", "GetCheckpoint", "ProveEntry", "ProveConsistency", "ReadTiles"} {
				if policy.Allowed(given, read) && policy.Allowed(given, review) {
					t.Errorf("%v may %s and %s", names, read, review)
				}
			}
		}
	}
}

func TestEachRoleMayItsOwn(t *testing.T) {
	for role, action := range map[policy.Role]policy.Action{
		policy.Writer: "CreatePiiRecords", policy.Reader: "ReadPiiRecord", policy.Eraser: "DeletePiiRecord", policy.Auditor: "ListEntries",
	} {
		if !policy.Allowed([]policy.Role{role}, action) {
			t.Errorf("%s may not %s", role, action)
		}
		if policy.Allowed([]policy.Role{role}, "Nothing") || policy.Allowed(nil, action) || policy.Allowed([]policy.Role{"admin"}, action) {
			t.Errorf("%s or nobody may too much", role)
		}
	}
}

func TestParseRolesRefuses(t *testing.T) {
	for _, names := range [][]string{nil, {""}, {"admin"}, {"Writer"}, {"reader", "auditor"}, {"writer", "admin"}} {
		if _, err := policy.ParseRoles(names); !errors.Is(err, policy.ErrRoles) {
			t.Errorf("%q: %v, want ErrRoles", names, err)
		}
	}
}
