package identity

import (
	"errors"
	"fmt"

	"github.com/piinguin/piinguin/server/policy"
)

// originalAllow are the roles that clients of the original's protocol may get beside the
// writer's, by the name of what they may do.
var originalAllow = map[string]policy.Role{"read": policy.Reader, "delete": policy.Eraser}

// Original returns the one caller for whom everybody is taken who speaks the original Piinguin's
// protocol, which has no credentials. It may create, and what allow names: read, delete.
func Original(name string, allow []string) (policy.Caller, error) {
	if !namePattern.MatchString(name) {
		return policy.Caller{}, fmt.Errorf("identity: %w", errName)
	}
	c := policy.Caller{Name: name, Authentication: policy.Original, Roles: []policy.Role{policy.Writer}}
	for _, what := range allow {
		role, known := originalAllow[what]
		if !known {
			return policy.Caller{}, errors.New("identity: what is allowed is read or delete")
		}
		c.Roles = append(c.Roles, role)
	}
	return c, nil
}
