// Package policy decides what an authenticated caller may do.
//
// The language is Cedar (https://www.cedarpolicy.com). A Policy is the operator's file, or
// the built-in one, together with rules that no file can change: a caller needs the role for
// what it does, and nobody who may read originals may read the ledger.
//
//	decide := source.Current().Ask(request) // once a request
//	if d := decide(""); !d.Allow {
//		return d.Reason
//	}
//
// It promises: what no policy permits is denied; a forbid that cannot be evaluated denies; a
// Policy never changes, so all decisions of one request rest on the same text even if the
// file is exchanged meanwhile; a policy that does not fit the schema is refused when it is
// read.
//
// It does not promise that what a request states is true: basis, purpose and reference are
// the caller's words. Who the caller is, package identity proves.
package policy

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/cedar-policy/cedar-go"
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

// Policy decides. It does not change, and is safe for concurrent use.
type Policy struct {
	rules   map[Action]*rules
	entries map[cedar.PolicyID]entry
	callers *callers
}

// rules are the policies that can matter to an action.
type rules struct {
	fixed *cedar.PolicySet // they do not read the context
	open  *cedar.PolicySet // they do; nil if there are none
}

func (r *rules) add(id cedar.PolicyID, one *cedar.Policy, readsContext bool) {
	if !readsContext {
		r.fixed.Add(id, one)
		return
	}
	if r.open == nil {
		r.open = cedar.NewPolicySet()
	}
	r.open.Add(id, one)
}

// entry is what a decision tells of a policy.
type entry struct {
	reason string
	order  int  // from 1; of several that decide alike the first is named
	forbid bool // it forbids
	role   bool // it is one of roles.cedar
}

// New reads a policy in Cedar's text form. The error names the file, the line and the
// policy that cannot be read or does not fit the schema.
func New(name string, text []byte) (*Policy, error) {
	checker, err := validator()
	if err != nil {
		return nil, err
	}
	p := &Policy{rules: map[Action]*rules{}, entries: map[cedar.PolicyID]entry{}, callers: newCallers()}
	for action := range groups {
		p.rules[action] = &rules{fixed: cedar.NewPolicySet()}
	}
	// The roles come first, so that a caller without the role always hears of the role.
	if err := p.add(checker, "roles.cedar", rolesText, true); err != nil {
		return nil, err
	}
	if err := p.add(checker, name, text, false); err != nil {
		return nil, err
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

// add adds the policies of one text; role says that they are the ones of roles.cedar.
func (p *Policy) add(checker *validate.Validator, name string, text []byte, role bool) error {
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
		form, err := one.MarshalJSON()
		if err != nil || misnamesCaller(form) {
			return bad(`a caller is named METHOD:NAME, as Caller::"token:ann", with a method of token, mtls, oidc, iam and original`)
		}
		tree := (*ast.Policy)(one.AST())
		if err := checker.Policy(string(id), tree); err != nil {
			problem, _, _ := strings.Cut(err.Error(), "\n") // one for each action follows
			return bad(problem)
		}
		for action, rules := range p.rules {
			if covers(tree.Action, action) {
				rules.add(id, one, readsContext(form))
			}
		}
		p.entries[id] = entry{cmp.Or(reason, PolicyDenied), len(p.entries) + 1, one.Effect() == cedar.Forbid, role}
	}
	return nil
}
