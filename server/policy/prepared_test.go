package policy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/server/policy"
)

// conditions of random policies. Some read the context, some fail when they are evaluated.
var (
	readConditions = []string{
		`context.basis == "CONTRACT"`, `["a", "b"].contains(context.purpose)`, `context has field_name && context.field_name like "user*"`,
		`{"Var": context.reference}.Var == "T-1"`, `if principal.name == "ann" then context.on_behalf_of == "" else true`,
	}
	anyConditions = []string{
		`true`, `false`, `principal.name == "ann"`, `principal in Group::"on-call"`, `principal in Role::"writer"`, `principal.authentication == "mtls"`,
		`{"Var": "context"}.Var == "context"`, `9223372036854775807 + 1 == 0`, `principal == Caller::"token:ann"`, `principal.name like "*context*"`,
		`context.time < datetime("2026-02-03T13:00:00Z")`, `context.time.toTime() > duration("12h")`,
		`context has network && context.network.isInRange(ip("10.0.0.0/8"))`, `context.time.offset(duration("9223372036854775807ms")) > context.time`,
	}
)

func drawPolicy(t *rapid.T) string {
	var text strings.Builder
	for i := range rapid.IntRange(1, 5).Draw(t, "policies") {
		action := rapid.SampledFrom([]string{`action`, `action in Action::"Read"`, `action == Action::"ReadPiiRecord"`, `action in [Action::"Create", Action::"Review"]`}).Draw(t, "action")
		conditions := anyConditions
		if strings.Contains(action, "Read") {
			conditions = append(conditions[:len(conditions):len(conditions)], readConditions...)
		}
		fmt.Fprintf(&text, "@id(\"p%d\") %s (%s, %s, resource)", i, rapid.SampledFrom([]string{"permit", "forbid"}).Draw(t, "effect"),
			rapid.SampledFrom([]string{`principal`, `principal in Role::"reader"`, `principal == Caller::"token:ann"`}).Draw(t, "principal"), action)
		for range rapid.IntRange(0, 2).Draw(t, "conditions") {
			fmt.Fprintf(&text, " %s { %s }", rapid.SampledFrom([]string{"when", "unless"}).Draw(t, "kind"), rapid.SampledFrom(conditions).Draw(t, "condition"))
		}
		text.WriteString(";\n")
	}
	return text.String()
}

func drawRequest(t *rapid.T) (r policy.Request, field string) {
	from := func(name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
	r = policy.Request{
		Caller: policy.Caller{Name: from("name", "ann", "bob"), Authentication: from("method", "token", "mtls")},
		Action: rapid.SampledFrom(policy.Actions()).Draw(t, "action"),
		Time:   time.Date(2026, time.February, 3, rapid.IntRange(0, 23).Draw(t, "hour"), 0, 0, 0, time.UTC),
	}
	for _, role := range []policy.Role{policy.Reader, policy.Writer, policy.Auditor, "group:on-call"} {
		if rapid.Bool().Draw(t, string(role)) {
			r.Caller.Roles = append(r.Caller.Roles, role)
		}
	}
	if rapid.Bool().Draw(t, "network") {
		r.Network = netip.MustParseAddr(from("address", "10.1.2.3", "192.0.2.1"))
	}
	if r.Action.IsRead() {
		r.Read = &policy.Read{Basis: from("basis", "CONTRACT", "CONSENT"), Purpose: from("purpose", "", "a"), Reference: from("reference", "", "T-1"), OnBehalfOf: from("for", "", "x")}
		field = from("field", "", "user_id", "email")
	}
	return r, field
}

// TestKeptDecisions holds what is kept of callers to decisions that are made anew, over requests whose callers
// change their roles, and over policies of every kind.
func TestKeptDecisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawPolicy(t)
		p, err := policy.New("random.cedar", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for range 20 {
			r, field := drawRequest(t)
			decide := p.Ask(r)
			for _, f := range []string{"", field} {
				if got, want := decide(f), p.DecideFresh(r, f); got != want {
					t.Fatalf("%+v about %q: %+v, want %+v\n%s", r, f, got, want, text)
				}
			}
		}
	})
}

// TestWhatReadsTheContextIsNotKept: each way to read the context, wherever it stands.
func TestWhatReadsTheContextIsNotKept(t *testing.T) {
	for condition, want := range map[string]bool{
		`context.time > datetime("2026-01-01")`:                                  false,
		`context has network`:                                                    false,
		`!(principal.name == "a" || context.basis == "CONSENT")`:                 false,
		`[context.purpose, "a"].contains("a")`:                                   false,
		`{a: {b: [context.purpose]}}.a.b.contains("a")`:                          false,
		`if true then principal.name == "a" else context has network`:            false,
		`context.reference like "T-*"`:                                           false,
		`principal.name == "context"`:                                            true,
		`{"Var": "context"}.Var == "context" && principal.name like "*context*"`: true,
		`principal in Group::"context"`:                                          true,
	} {
		p, err := policy.New("test.cedar", []byte(`@context("x") permit (principal, action in Action::"Read", resource) when { `+condition+` };`))
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		if got := p.Kept(policy.ReadPiiRecord); got != want {
			t.Errorf("%s: kept is %v, want %v", condition, got, want)
		}
	}
}
