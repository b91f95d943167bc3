package policy

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go/types"
)

// Caller is an authenticated caller.
type Caller struct {
	Name           string // as the ledger records it
	Authentication string // how the name was proven: "token", "mtls", "oidc" or "iam"; or Original
	Roles          []Role
}

// Principal returns who the caller is for policies and limits, as METHOD:NAME. Two methods may prove
// one name, of two callers who know nothing of each other.
func (c Caller) Principal() string { return c.Authentication + ":" + c.Name }

// Action is a method of the API, by its name.
type Action string

// The actions.
const (
	CreatePiiRecord  Action = "CreatePiiRecord"
	CreatePiiRecords Action = "CreatePiiRecords"
	ReadPiiRecord    Action = "ReadPiiRecord"
	ReadPiiRecords   Action = "ReadPiiRecords"
	DeletePiiRecord  Action = "DeletePiiRecord"
	DeletePiiRecords Action = "DeletePiiRecords"
	ListEntries      Action = "ListEntries"
	Summarize        Action = "Summarize"
	GetEntry         Action = "GetEntry"
	GetCheckpoint    Action = "GetCheckpoint"
	ProveEntry       Action = "ProveEntry"
	ProveConsistency Action = "ProveConsistency"
	ReadTiles        Action = "ReadTiles" // the logs as tiles, which are no Twirp method
)

// groups are the actions by what they are in, as in the schema.
var groups = actionGroups(map[types.String][]Action{
	"Create": {CreatePiiRecord, CreatePiiRecords},
	"Read":   {ReadPiiRecord, ReadPiiRecords},
	"Delete": {DeletePiiRecord, DeletePiiRecords},
	"Review": {ListEntries, Summarize, GetEntry, GetCheckpoint, ProveEntry, ProveConsistency, ReadTiles},
})

func actionGroups(all map[types.String][]Action) map[Action]types.EntityUIDSet {
	in := map[Action]types.EntityUIDSet{}
	for group, actions := range all {
		for _, a := range actions {
			in[a] = types.NewEntityUIDSet(types.NewEntityUID("Action", group))
		}
	}
	return in
}

// Actions returns all actions, sorted.
func Actions() []Action {
	var all []Action
	for action := range groups {
		all = append(all, action)
	}
	slices.Sort(all)
	return all
}

// IsRead reports whether the action is a read of originals.
func (a Action) IsRead() bool {
	return groups[a].Contains(types.NewEntityUID("Action", "Read"))
}

// Request is what is to be decided.
type Request struct {
	Caller  Caller
	Action  Action
	Time    time.Time
	Network netip.Addr // the caller's address; the zero Addr if it is not known
	Read    *Read      // of a read, nil otherwise
}

// Read is what a read is about: what the caller states, and where the record's value was
// found.
type Read struct {
	Basis                    string
	Purpose                  string
	Reference                string
	OnBehalfOf               string
	SpecialCategoryCondition string
	FieldName                string // empty: not known, or the record does not exist
}
