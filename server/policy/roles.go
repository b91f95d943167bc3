package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Role is what a caller was given: one of the four, or membership of a group, as
// group:NAME, that only a policy gives a meaning.
type Role string

// The roles.
const (
	Writer  Role = "writer"  // stores records
	Reader  Role = "reader"  // reads originals, on a lawful basis
	Eraser  Role = "eraser"  // erases records
	Auditor Role = "auditor" // reads the ledger, never an original
)

var roles = []Role{Writer, Reader, Eraser, Auditor}

var groupPattern = regexp.MustCompile(`^group:([A-Za-z0-9][A-Za-z0-9._-]{0,63})$`)

// group returns the name of the group that the role stands for, or "".
func (r Role) group() string {
	if m := groupPattern.FindStringSubmatch(string(r)); m != nil {
		return m[1]
	}
	return ""
}

// ErrRoles says that no caller may have these roles.
var ErrRoles = errors.New("policy: not valid roles")

// ParseRoles reads role names. It refuses unknown names, no role at all, and the
// two that must stay apart: who reads originals must not be who reviews the readings.
func ParseRoles(names []string) ([]Role, error) {
	var given []Role
	own := 0
	for _, name := range names {
		r := Role(name)
		switch {
		case slices.Contains(roles, r):
			own++
		case r.group() == "":
			return nil, fmt.Errorf("%w: a role is one of writer, reader, eraser, auditor, or group:NAME", ErrRoles)
		}
		given = append(given, r)
	}
	if own == 0 {
		return nil, fmt.Errorf("%w: none of writer, reader, eraser, auditor given", ErrRoles)
	}
	if slices.Contains(given, Reader) && slices.Contains(given, Auditor) {
		return nil, fmt.Errorf("%w: nobody may be both reader and auditor", ErrRoles)
	}
	return given, nil
}
