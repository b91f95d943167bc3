package policy_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/policy"
)

// TestExamples holds the example of the documentation to what it says.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/policies/examples.cedar")
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New("examples.cedar", text)
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour int) time.Time { return time.Date(2026, time.February, 3, hour, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name, caller string
		group        policy.Role
		hour         int
		network      string
		read         policy.Read
		want         policy.Decision
	}{
		{"anybody by day", "ann", "group:x", 12, "", policy.Read{Basis: "CONTRACT"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
		{"marketing by consent", "marketing", "group:x", 12, "", policy.Read{Basis: "CONSENT"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
		{"marketing by interest", "marketing", "group:x", 12, "", policy.Read{Basis: "LEGITIMATE_INTERESTS"}, policy.Decision{Policy: "marketing-by-consent", Reason: "basis_not_allowed"}},
		{"support with a ticket", "sue", "group:support", 12, "", policy.Read{Basis: "CONTRACT", Reference: "TICKET-7"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
		{"support without", "sue", "group:support", 12, "", policy.Read{Basis: "CONTRACT", Reference: "see mail"}, policy.Decision{Policy: "support-with-ticket", Reason: "ticket_required"}},
		{"at night", "ann", "group:x", 3, "", policy.Read{Basis: "CONTRACT"}, policy.Decision{Policy: "nights-on-call", Reason: "time_not_allowed"}},
		{"late", "ann", "group:x", 22, "", policy.Read{Basis: "CONTRACT"}, policy.Decision{Policy: "nights-on-call", Reason: "time_not_allowed"}},
		{"on call at night", "ann", "group:on-call", 3, "", policy.Read{Basis: "CONTRACT"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
		{"an analyst, an address", "al", "group:analysts", 12, "", policy.Read{Basis: "CONTRACT", FieldName: "user_ipaddress"}, policy.Decision{Policy: "analysts-no-addresses", Reason: "field_not_allowed"}},
		{"an analyst, another field", "al", "group:analysts", 12, "", policy.Read{Basis: "CONTRACT", FieldName: "user_id"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
		{"health without a condition", "ann", "group:x", 12, "", policy.Read{Basis: "CONTRACT", FieldName: "health_note"}, policy.Decision{Policy: "special-category", Reason: "special_category_condition_required"}},
		{"health with one", "ann", "group:x", 12, "", policy.Read{Basis: "CONTRACT", FieldName: "health_note", SpecialCategoryCondition: "ART9_HEALTH_CARE"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
		{"batch at home", "batch", "group:x", 12, "10.20.3.4", policy.Read{Basis: "CONTRACT"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
		{"batch elsewhere", "batch", "group:x", 12, "10.21.3.4", policy.Read{Basis: "CONTRACT"}, policy.Decision{Policy: "batch-from-its-network", Reason: "network_not_allowed"}},
		{"batch from nowhere", "batch", "group:x", 12, "", policy.Read{Basis: "CONTRACT"}, policy.Decision{Policy: "batch-from-its-network", Reason: "network_not_allowed"}},
		{"batch at home in IPv6 dress", "batch", "group:x", 12, "::ffff:10.20.3.4", policy.Read{Basis: "CONTRACT"}, policy.Decision{Allow: true, Policy: "reader-reads"}},
	} {
		r := policy.Request{
			Caller: policy.Caller{Name: c.caller, Authentication: "token", Roles: []policy.Role{policy.Reader, c.group}},
			Action: policy.ReadPiiRecord, Time: at(c.hour), Read: &c.read,
		}
		if c.network != "" {
			r.Network = netip.MustParseAddr(c.network)
		}
		if diff := cmp.Diff(c.want, p.Decide(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, holds string }{
		{"empty", "", "no policy"},
		{"not Cedar", "permit (principal, action, resource);\nallow everything", "test.cedar:2:"},
		{"unknown attribute", "\n\npermit (principal, action, resource) when { context.nope };", "test.cedar:3"},
		{"unknown action", `permit (principal, action == Action::"Foo", resource);`, "Foo"},
		{"wrong type", `permit (principal, action == Action::"ReadPiiRecord", resource) when { context.purpose == 1 };`, "test.cedar:1"},
		{"field of a record without has", `permit (principal, action == Action::"ReadPiiRecord", resource) when { context.field_name == "x" };`, "field_name"},
		{"basis of a create", `permit (principal, action == Action::"CreatePiiRecord", resource) when { context.basis == "CONSENT" };`, "basis"},
		{"id of a role", `@id("role-reader") permit (principal, action, resource);`, "@id"},
		{"id twice", "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);", "test.cedar:2"},
		{"id with a space", `@id("a b") permit (principal, action, resource);`, "@id"},
		{"reason with a space", `@reason("a b") permit (principal, action, resource);`, "@reason"},
	} {
		_, err := policy.New("test.cedar", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.holds) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", c.name, err, c.holds)
		}
	}
}

// TestForbidThatFails: Cedar passes over a policy that it cannot evaluate, and one that
// forbids must not be passed over.
func TestForbidThatFails(t *testing.T) {
	p := newPolicy(t, everything+`
@id("overflows") forbid (principal, action == Action::"ReadPiiRecord", resource)
when { context.purpose == "much" && 9223372036854775807 + 1 > 0 };`)
	r := request(policy.ReadPiiRecord, policy.Reader)
	if d := p.Decide(r); !d.Allow {
		t.Errorf("without the failure: %+v", d)
	}
	r.Read.Purpose = "much"
	if diff := cmp.Diff(policy.Decision{Policy: "overflows", Reason: policy.PolicyFailed}, p.Decide(r)); diff != "" {
		t.Errorf("with it (-want +got):\n%s", diff)
	}
}

func TestNoPolicyMatches(t *testing.T) {
	p := newPolicy(t, `permit (principal == Caller::"token:ann", action, resource);`)
	if diff := cmp.Diff(policy.Decision{Reason: policy.PolicyDenied}, p.Decide(request(policy.ReadPiiRecord, policy.Reader))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPrincipals: the same name by another method is another caller.
func TestPrincipals(t *testing.T) {
	r := request(policy.ReadPiiRecord, policy.Reader)
	r.Caller.Name = "ann"
	for _, text := range []string{
		`permit (principal == Caller::"oidc:ann", action, resource);`,
		`permit (principal, action, resource) when { principal == Caller::"oidc:ann" };`,
		`permit (principal, action, resource) when { principal in [Caller::"original:ann-s", Caller::"oidc:ann"] };`,
	} {
		p := newPolicy(t, text)
		for _, method := range []string{"token", "mtls", "iam", "oidc", "original"} {
			r.Caller.Authentication = method
			if d := p.Decide(r); d.Allow != (method == "oidc") {
				t.Errorf("%s: ann by %s: %+v", text, method, d)
			}
		}
	}
	// Else a forbid that forgets the method would forbid nothing.
	for _, text := range []string{
		`forbid (principal == Caller::"ann", action, resource);`,
		`forbid (principal == Caller::"ldap:ann", action, resource);`,
		`forbid (principal == Caller::"token:", action, resource);`,
		`forbid (principal, action, resource) when { principal == Caller::"ann" };`,
		`forbid (principal, action, resource) unless { [Caller::"token:ann", Caller::"bob"].contains(principal) };`,
	} {
		if _, err := policy.New("test.cedar", []byte(text)); err == nil || !strings.Contains(err.Error(), "test.cedar:1: a caller is named METHOD:NAME") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestFile changes, breaks, removes and mends the file.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.cedar")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(everything)
	now := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
	var failures []string
	f, err := policy.Open(path, func() time.Time { return now }, func(err error) {
		if err != nil {
			failures = append(failures, err.Error())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	decide := func(want string, wantFailures int) {
		t.Helper()
		now = now.Add(2 * time.Second)
		for range 3 {
			if d := f.Current().Ask(request(policy.ReadPiiRecord, policy.Reader))(""); d.Policy != want {
				t.Errorf("decided by %q, want %q", d.Policy, want)
			}
			now = now.Add(2 * time.Second)
		}
		if len(failures) != wantFailures {
			t.Errorf("failures %q, want %d", failures, wantFailures)
		}
	}
	decide("policy-1", 0)
	write(`@id("second") ` + everything)
	decide("second", 0)
	write(`broken`)
	decide("second", 1)
	write(`broken too`)
	decide("second", 2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	decide("second", 3)
	write(`@id("third") ` + everything)
	decide("third", 3)
	if !strings.Contains(failures[0], "policy.cedar:1:") {
		t.Errorf("the failure names no line: %s", failures[0])
	}
	if _, err := policy.Open(filepath.Join(t.TempDir(), "none"), time.Now, nil); err == nil {
		t.Error("a file that is not there was opened")
	}
}

// FuzzNew: whatever a file holds, it is refused, or decides without a panic and gives a
// writer no read.
func FuzzNew(f *testing.F) {
	f.Add(everything)
	f.Add(string(policy.Builtin()))
	f.Add(`@id("a") forbid (principal, action, resource) when { context.time.toTime() < duration("6h") };`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.New("fuzz.cedar", []byte(text))
		if err != nil {
			return
		}
		for _, a := range policy.Actions() {
			if d := p.Decide(request(a, policy.Writer)); d.Allow && !strings.HasPrefix(string(a), "Create") {
				t.Errorf("a writer may %s by %s", a, d.Policy)
			}
		}
	})
}
