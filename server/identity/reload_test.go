package identity_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// reports is what a changed file told; a change that was taken is "".
type reports []string

func (r *reports) add(err error) {
	if err == nil {
		*r = append(*r, "")
		return
	}
	*r = append(*r, err.Error())
}

func (r reports) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, []string(r)); diff != "" {
		t.Errorf("reports (-want +have):\n%s", diff)
	}
}

func mustOpen(t *testing.T, tokens, callers string, clock *clock, told *reports) *identity.Files {
	t.Helper()
	files, err := identity.OpenFiles(tokens, callers, policy.Caller{}, clock.Now, told.add)
	mustBeNil(t, err)
	return files
}

const both = "with the other lines of its name, by any method: policy: not valid roles: nobody may be both reader and auditor"

// TestNobodyIsBothByTwoMethods: neither at the start nor by a change of either file.
func TestNobodyIsBothByTwoMethods(t *testing.T) {
	tokens, callers := filepath.Join(t.TempDir(), "tokens"), filepath.Join(t.TempDir(), "callers")
	reader, auditor := []byte("ann reader "+hashOf("s3cret")+"\n"), []byte("oidc bob writer\noidc ann auditor\n")
	certtest.Replace(t, tokens, reader)
	certtest.Replace(t, callers, auditor)
	clock, told := &clock{now: time.Now()}, &reports{}
	if _, err := identity.OpenFiles(tokens, callers, policy.Caller{}, clock.Now, told.add); err == nil || err.Error() != "identity: callers file line 2: "+both {
		t.Errorf("at the start: %v", err)
	}
	certtest.Replace(t, callers, []byte("oidc bob writer\n"))
	files := mustOpen(t, tokens, callers, clock, told)
	want := func(file string, text []byte, ann bool, reports ...string) {
		t.Helper()
		certtest.Replace(t, file, text)
		clock.set(clock.Now().Add(time.Second))
		_, err := files.Tokens(clock.Now).Authenticate(withToken("s3cret"))
		if _, audits := files.Directory().Roles("oidc", "ann"); (err == nil) != ann || audits == ann {
			t.Errorf("reader %v, auditor %v", err == nil, audits)
		}
		told.want(t, reports...)
	}
	refused := "identity: callers file line 2: " + both
	want(callers, auditor, true, refused)
	want(tokens, []byte("# nobody\n"), false, refused, "") // the change that was refused is taken now
	want(tokens, reader, false, refused, "", refused)
	if diff := cmp.Diff([]string{"auditor"}, files.Given("ann")); diff != "" {
		t.Error(diff)
	}
}

func TestTokensEnd(t *testing.T) {
	for name, c := range map[string]struct {
		field string
		end   time.Time
	}{
		"day":  {" expires=2027-01-31", time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
		"time": {" expires=2027-01-31T12:30:01Z", time.Date(2027, 1, 31, 12, 30, 1, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens")
			certtest.Replace(t, path, []byte("relay writer "+hashOf("s3cret")+c.field+"\nother reader "+hashOf("forever")))
			clock := &clock{now: c.end.Add(-1)}
			tokens := mustOpen(t, path, "", clock, &reports{}).Tokens(clock.Now)
			if _, err := tokens.Authenticate(withToken("s3cret")); err != nil {
				t.Errorf("just before its end: %v", err)
			}
			clock.set(c.end.In(time.FixedZone("east", 3600)))
			if _, err := tokens.Authenticate(withToken("s3cret")); !errors.Is(err, identity.ErrUnknown) {
				t.Errorf("at its end: %v", err)
			}
			if _, err := tokens.Authenticate(withToken("forever")); err != nil {
				t.Errorf("a token without an end: %v", err)
			}
		})
	}
	tokens, err := identity.ParseTokens(strings.NewReader("relay writer " + hashOf("old") + " expires=2018-05-25"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Authenticate(withToken("old")); !errors.Is(err, identity.ErrUnknown) {
		t.Errorf("parsed, without a clock: %v", err)
	}
}

func TestTokenFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	relay, alice := "relay writer "+hashOf("of-relay")+"\n", "alice reader "+hashOf("of-alice")+"\n"
	certtest.Replace(t, path, []byte(relay))
	clock, told := &clock{now: time.Now()}, &reports{}
	tokens := mustOpen(t, path, "", clock, told).Tokens(clock.Now)
	known := func(want ...string) {
		t.Helper()
		clock.set(clock.Now().Add(time.Second))
		var have []string
		for _, token := range []string{"of-relay", "of-alice"} {
			if c, err := tokens.Authenticate(withToken(token)); err == nil {
				have = append(have, c.Name)
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("known callers (-want +have):\n%s", diff)
		}
	}
	known("relay")
	certtest.Replace(t, path, []byte(relay+alice))
	known("relay", "alice")
	told.want(t, "")
	certtest.Replace(t, path, []byte(relay+"CANARY writer CANARY\n"))
	known("relay", "alice")
	known("relay", "alice")
	told.want(t, "", "identity: token file line 2: the hash is not 64 hexadecimal digits")
	certtest.Replace(t, path, []byte(alice))
	known("alice")
	certtest.Replace(t, path, nil)
	known()
	told.want(t, "", "identity: token file line 2: the hash is not 64 hexadecimal digits", "", "")
}

func TestDirectoryIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "callers")
	certtest.Replace(t, path, []byte("mtls relay writer\n"))
	clock, told := &clock{now: time.Now()}, &reports{}
	d := mustOpen(t, "", path, clock, told).Directory()
	certtest.Replace(t, path, []byte("mtls relay eraser\n"))
	clock.set(clock.Now().Add(time.Second))
	if roles, ok := d.Roles("mtls", "relay"); !ok || cmp.Diff([]policy.Role{policy.Eraser}, roles) != "" {
		t.Errorf("roles %v %v", roles, ok)
	}
	certtest.Replace(t, path, []byte("\nmtls relay CANARY\n"))
	clock.set(clock.Now().Add(time.Second))
	if _, ok := d.Roles("mtls", "relay"); !ok {
		t.Error("a broken file took the roles away")
	}
	told.want(t, "", "identity: callers file line 2: policy: not valid roles: a role is one of writer, reader, eraser, auditor, or group:NAME")
}

func TestFormatToken(t *testing.T) {
	token := identity.NewToken()
	if len(token) != 44 || !strings.HasPrefix(token, "pgn_") || strings.Trim(token[4:], "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("token %q", token)
	}
	if token == identity.NewToken() {
		t.Error("the same token twice")
	}
	end := time.Date(2027, 1, 31, 13, 0, 0, 999, time.FixedZone("east", 3600))
	for want, expires := range map[string]time.Time{"": {}, " expires=2027-01-31T12:00:00Z": end} {
		line, err := identity.FormatToken("relay", []string{"writer", "eraser"}, token, expires)
		if diff := cmp.Diff("relay writer,eraser "+hashOf(token)+want+"\n", line); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if _, err := identity.ParseTokens(strings.NewReader(line)); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		name  string
		roles []string
	}{
		{"", []string{"writer"}}, {"a b", []string{"writer"}}, {"#a", []string{"writer"}}, {"a\nb", []string{"writer"}},
		{"a", nil}, {"a", []string{"CANARY"}}, {"a", []string{"reader", "auditor"}}, {"a", []string{"writer " + hashOf("x") + "\nb reader"}},
	} {
		if line, err := identity.FormatToken(c.name, c.roles, token, end); err == nil || line != "" || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q %q: %q %v", c.name, c.roles, line, err)
		}
	}
}

func TestAuthoritiesRefuse(t *testing.T) {
	ca := certtest.NewAuthority(t, "CANARY")
	whole := ca.PEM()
	for name, text := range map[string]string{
		"empty":       "",
		"no PEM":      "CANARY",
		"private key": string(whole) + string(ca.Issue(t, certtest.Leaf{}).Key),
		"cut off":     string(whole) + string(whole[:len(whole)-40]),
		"rubbish":     "-----BEGIN CERTIFICATE-----\nQ0FOQVJZ\n-----END CERTIFICATE-----\n",
	} {
		path := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := identity.OpenAuthorities(path, time.Now, (&reports{}).add)
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
