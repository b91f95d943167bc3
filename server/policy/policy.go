// Package policy decides what an authenticated caller may do: by role, nobody
// holds everything.
package policy

import (
	"errors"
	"fmt"
	"slices"
)

// Role is what a caller was given.
type Role string

// The roles.
const (
	Writer  Role = "writer"  // stores records
	Reader  Role = "reader"  // reads originals, on a lawful basis
	Eraser  Role = "eraser"  // erases records
	Auditor Role = "auditor" // reads the ledger, never an original
)

// Action is a method of the API, by its name.
type Action string

var granted = map[Role][]Action{
	Writer:  {"CreatePiiRecord", "CreatePiiRecords"},
	Reader:  {"ReadPiiRecord", "ReadPiiRecords"},
	Eraser:  {"DeletePiiRecord", "DeletePiiRecords"},
	Auditor: {"ListEntries", "GetEntry", "GetCheckpoint", "ProveEntry", "ProveConsistency", "ReadTiles"},
}

// ErrRoles says that no caller may have these roles.
var ErrRoles = errors.New("policy: not valid roles")

// ParseRoles reads role names. It refuses unknown names, no role at all, and the
// two that must stay apart: who reads originals must not be who reviews the readings.
func ParseRoles(names []string) ([]Role, error) {
	var roles []Role
	for _, name := range names {
		if _, known := granted[Role(name)]; !known {
			return nil, fmt.Errorf("%w: a role is one of writer, reader, eraser, auditor", ErrRoles)
		}
		roles = append(roles, Role(name))
	}
	if len(roles) == 0 {
		return nil, fmt.Errorf("%w: none given", ErrRoles)
	}
	if slices.Contains(roles, Reader) && slices.Contains(roles, Auditor) {
		return nil, fmt.Errorf("%w: nobody may be both reader and auditor", ErrRoles)
	}
	return roles, nil
}

// Allowed reports whether one of the roles grants the action. Everything that is
// not granted is denied.
func Allowed(roles []Role, action Action) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(granted[r], action) })
}
