package policy

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

var (
	//go:embed piinguin.cedarschema
	schemaText []byte
	//go:embed roles.cedar
	rolesText []byte
	//go:embed builtin.cedar
	builtinText []byte
)

// Schema returns the Cedar schema that policies are held to.
func Schema() []byte { return bytes.Clone(schemaText) }

// Roles returns the policies that are always in force beside the operator's.
func Roles() []byte { return bytes.Clone(rolesText) }

// Builtin returns the policy of a server that was given none.
func Builtin() []byte { return bytes.Clone(builtinText) }

// Action is a method of the API, by its name.
type Action string

// Request is what is to be decided.
type Request struct {
	Caller         string
	Authentication string
	Roles          []Role
	Action         Action
	Time           time.Time
	Network        netip.Addr // the caller's address; the zero Addr if it is not known
	Read           *Read      // of a read, nil otherwise
}

// Read is what a read is about: what the caller states, and of the record what
// its source told.
type Read struct {
	Basis                    string
	Purpose                  string
	Reference                string
	OnBehalfOf               string
	SpecialCategoryCondition string
	FieldName                string // empty: not known
}

// Decision is the answer, with the policy that it rests on.
type Decision struct {
	Allow  bool
	Policy string // the id of the policy; empty if none matched
	Reason string // of a denial: a code of a-z and _
}

// The reasons of denials whose policy names none.
const (
	PolicyDenied = "policy_denied" // nothing permits it, or a forbid without @reason
	PolicyFailed = "policy_failed" // a forbid could not be evaluated
)

// Policy decides. It does not change, and is safe for concurrent use.
type Policy struct {
	sets    map[Action]*cedar.PolicySet // those that can matter to an action
	entries map[cedar.PolicyID]entry
	records bool
}

// entry is what a decision tells of a policy.
type entry struct {
	reason string
	order  int // from 1
	forbid bool
}

// New reads a policy in Cedar's text form. The error names the file, the line and the
// policy that cannot be read or does not fit the schema.
func New(name string, text []byte) (*Policy, error) {
	checker, err := validator()
	if err != nil {
		return nil, err
	}
	p := &Policy{
		sets: map[Action]*cedar.PolicySet{}, entries: map[cedar.PolicyID]entry{},
		records: bytes.Contains(text, []byte("field_name")),
	}
	for action := range groups {
		p.sets[Action(action)] = cedar.NewPolicySet()
	}
	for _, part := range []struct {
		name string
		text []byte
	}{{"roles.cedar", rolesText}, {name, text}} {
		if err := p.add(checker, part.name, part.text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// NewBuiltin returns the policy of Builtin.
func NewBuiltin() *Policy {
	p, err := New("builtin.cedar", builtinText)
	if err != nil {
		panic(err) // it is part of the program
	}
	return p
}

func validator() (*validate.Validator, error) {
	var s schema.Schema
	if err := s.UnmarshalCedar(schemaText); err != nil {
		return nil, fmt.Errorf("policy: schema: %w", err)
	}
	r, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("policy: schema: %w", err)
	}
	return validate.New(r), nil
}

var (
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	reasonPattern = regexp.MustCompile(`^[a-z_]{1,64}$`)
)

func (p *Policy) add(checker *validate.Validator, name string, text []byte) error {
	list, err := cedar.NewPolicyListFromBytes(name, text)
	if err != nil {
		// The parser gives the line, under a name of its own.
		return fmt.Errorf("policy: %s", strings.ReplaceAll(err.Error(), "<input>", name))
	}
	if len(list) == 0 {
		return fmt.Errorf("policy: %s: it holds no policy", name)
	}
	for i, one := range list {
		bad := func(problem string) error {
			return fmt.Errorf("policy: %s:%d: %s", name, one.Position().Line, problem)
		}
		id := cedar.PolicyID(cmp.Or(string(one.Annotations()["id"]), fmt.Sprintf("policy-%d", i+1)))
		reason := string(one.Annotations()["reason"])
		switch {
		case !idPattern.MatchString(string(id)):
			return bad("its @id must be 1 to 64 letters, digits, dots, hyphens and underscores")
		case reason != "" && !reasonPattern.MatchString(reason):
			return bad("its @reason must be 1 to 64 of a-z and _")
		case p.entries[id] != (entry{}):
			return bad("its @id is that of an earlier policy or of a role")
		}
		tree := (*ast.Policy)(one.AST())
		if err := checker.Policy(string(id), tree); err != nil {
			problem, _, _ := strings.Cut(err.Error(), "\n") // one for each action follows
			return bad(problem)
		}
		for action, set := range p.sets {
			if covers(tree.Action, types.String(action)) {
				set.Add(id, one)
			}
		}
		p.entries[id] = entry{cmp.Or(reason, PolicyDenied), len(p.entries) + 1, one.Effect() == cedar.Forbid}
	}
	return nil
}

// OfRecords reports whether a decision can depend on the record that is read.
func (p *Policy) OfRecords() bool { return p.records }

// Decide decides. What no policy permits is denied, and so is what a policy that
// forbids could not decide: Cedar itself would pass over that one.
func (p *Policy) Decide(r Request) Decision {
	set, known := p.sets[r.Action]
	if !known {
		return Decision{Reason: PolicyDenied}
	}
	decision, why := cedar.Authorize(set, entities{r}, cedar.Request{
		Principal: types.NewEntityUID("Caller", types.String(r.Caller)),
		Action:    types.NewEntityUID("Action", types.String(r.Action)),
		Resource:  vault,
		Context:   r.context(),
	})
	for _, e := range why.Errors {
		if p.entries[e.PolicyID].forbid {
			return Decision{Policy: string(e.PolicyID), Reason: PolicyFailed}
		}
	}
	d := Decision{Allow: decision == cedar.Allow}
	if len(why.Reasons) > 0 {
		first := slices.MinFunc(why.Reasons, func(a, b types.DiagnosticReason) int {
			return p.entries[a.PolicyID].order - p.entries[b.PolicyID].order
		})
		d.Policy = string(first.PolicyID)
	}
	if !d.Allow {
		d.Reason = cmp.Or(p.entries[cedar.PolicyID(d.Policy)].reason, PolicyDenied)
	}
	return d
}

// Actions returns the names of all actions, sorted.
func Actions() []Action {
	var all []Action
	for action := range groups {
		all = append(all, Action(action))
	}
	slices.Sort(all)
	return all
}

// IsRead reports whether the action is a read of originals.
func (a Action) IsRead() bool {
	return groups[types.String(a)].Contains(types.NewEntityUID("Action", "Read"))
}
