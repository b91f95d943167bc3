package identity_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// causes are all that there are.
var causes = []identity.Cause{
	identity.NoCredential, identity.TwoHeaders, identity.NotBearer, identity.UnknownToken, identity.ExpiredToken, identity.EarlyToken,
	identity.MalformedToken, identity.MalformedAWSToken, identity.RefusedBySTS, identity.UnknownIssuer, identity.BadSignature,
	identity.WrongAudience, identity.BadName, identity.NoRole, identity.TwoRolesConflict, identity.NotInCallersFile,
	identity.DistrustedCertificate, identity.CallerGone,
}

// isCause reports whether an error is a cause and nothing else.
func isCause(err error) bool {
	cause, ok := err.(identity.Cause) //nolint:errorlint // the very error
	return ok && slices.Contains(causes, cause)
}

func TestCausesAreExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	mustBeNil(t, err)
	for _, cause := range causes {
		if !strings.Contains(string(text), "`"+string(cause)+"`") {
			t.Errorf("docs/operating.md does not explain %s", cause)
		}
	}
}

// wantCause compares why a request proves nobody, also if its address has sent too many.
func wantCause(t *testing.T, a identity.Authenticator, r *http.Request, want identity.Cause) {
	t.Helper()
	r.RemoteAddr = "192.0.2.1:1"
	limit := identity.NewGuesses(newTestClock().Now).Limit(a)
	for range 12 {
		if _, err := limit.Authenticate(r); identity.CauseOf(err) != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
}

func TestCausesOfTokens(t *testing.T) {
	rsa, stranger, c, f := newRSA(t, "r1"), newRSA(t, "r1"), newTestClock(), newFakeSTS(t)
	i := newTestIssuer(t, rsa)
	noRoles := func(cfg *identity.IAMConfig) { cfg.Roles = onlyReader() }
	authority := certtest.NewAuthority(t, "acme")
	all := identity.First(identity.DevTokens(), newTestOIDC(t, i, c, nil), newTestIAM(t, f, c, noRoles), newTestMTLS(t, authority, "mtls a.acme.com reader"))
	jwt := func(s signer, changes map[string]any) string { return s.sign(t, i.claims(c, changes)) }
	late, signed := func(q *request) { q.at = q.at.Add(-time.Hour) }, tokenOf(f.sign(t, c, nil))
	for _, test := range []struct {
		token string
		want  identity.Cause
	}{
		{"", identity.NoCredential},
		{"wrong", identity.UnknownToken},
		{jwt(rsa, map[string]any{"exp": c.Now().Unix()}), identity.ExpiredToken},
		{jwt(rsa, map[string]any{"exp": "x"}), identity.MalformedToken},
		{jwt(rsa, map[string]any{"nbf": c.Now().Add(time.Hour).Unix()}), identity.EarlyToken},
		{jwt(rsa, map[string]any{"aud": "other"}), identity.WrongAudience},
		{jwt(rsa, map[string]any{"iss": "https://other.example"}), identity.UnknownIssuer},
		{jwt(stranger, map[string]any{"iss": "https://other.example"}), identity.UnknownIssuer},
		{jwt(stranger, nil), identity.BadSignature},
		{jwt(rsa, map[string]any{"sub": " alice"}), identity.BadName},
		{jwt(rsa, map[string]any{"sub": "mallory"}), identity.NotInCallersFile},
		{"piinguin-aws-v1.x", identity.MalformedAWSToken},
		{tokenOf(f.sign(t, c, late)), identity.ExpiredToken},
		{signed, identity.NotInCallersFile},
	} {
		wantCause(t, all, withToken(test.token), test.want)
	}
	wantCause(t, all, &http.Request{Header: http.Header{"Authorization": {"Bearer dev-reader", "Bearer x"}}}, identity.TwoHeaders)
	wantCause(t, all, &http.Request{Header: http.Header{"Authorization": {"Basic x"}}}, identity.NotBearer)
	wantCause(t, all, &http.Request{}, identity.NoCredential)
}

func TestCausesOfCertificates(t *testing.T) {
	authority, another := certtest.NewAuthority(t, "acme"), certtest.NewAuthority(t, "acme")
	all := identity.First(identity.DevTokens(), newTestMTLS(t, authority, "mtls a.acme.com reader"))
	of := func(a *certtest.Authority, names ...string) *http.Request {
		return withCertificate(t, a.Issue(t, certtest.Leaf{DNS: names}).Cert, a.PEM())
	}
	wantCause(t, all, of(another, "a.acme.com"), identity.DistrustedCertificate)
	wantCause(t, all, of(authority, "a.acme.com", "b.acme.com"), identity.BadName)
	wantCause(t, all, of(authority, "b.acme.com"), identity.NotInCallersFile)
	wrong := of(authority, "a.acme.com")
	wrong.Header = withToken("wrong").Header
	wantCause(t, all, wrong, identity.UnknownToken)
}

func TestCausesOfRoles(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) {
		cfg.RolesClaim, cfg.Given = "roles", func(string) []string { return []string{string(policy.Auditor)} }
	})
	for roles, want := range map[string]identity.Cause{
		"openid": identity.NoRole, "group:a": identity.NoRole, "reader": identity.TwoRolesConflict, "reader auditor": identity.TwoRolesConflict,
	} {
		wantCause(t, o, withToken(rsa.sign(t, i.claims(c, map[string]any{"roles": roles}))), want)
	}
	wantCause(t, o, withToken(rsa.sign(t, i.claims(c, nil))), identity.NoRole)
}
