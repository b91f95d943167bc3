package identity_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// withToken is a request with a bearer token.
func withToken(token string) *http.Request {
	return &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

func TestParseTokens(t *testing.T) {
	tokens, err := identity.ParseTokens(strings.NewReader("\ufeff# who may call\r\n\r\n" +
		"relay writer " + hashOf("s3cret") + "\r\n" +
		"  alice@example.com   reader,eraser\t" + strings.ToUpper(hashOf("other")) + "\n" +
		"relay writer " + hashOf("next") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]policy.Caller{
		"s3cret": {Name: "relay", Authentication: "token", Roles: []policy.Role{policy.Writer}},
		"next":   {Name: "relay", Authentication: "token", Roles: []policy.Role{policy.Writer}},
		"other":  {Name: "alice@example.com", Authentication: "token", Roles: []policy.Role{policy.Reader, policy.Eraser}},
	} {
		have, err := tokens.Authenticate(withToken(token))
		if diff := cmp.Diff(want, have); err != nil || diff != "" {
			t.Errorf("%s: %v %s", token, err, diff)
		}
	}
	for _, token := range []string{"", "s3cre", "relay", hashOf("s3cret")} {
		if _, err := tokens.Authenticate(withToken(token)); !errors.Is(err, identity.ErrUnknown) {
			t.Errorf("token %q: %v, want ErrUnknown", token, err)
		}
	}
}

// TestTwoHeadersAreNobody: nobody can say which of two credentials counts.
func TestTwoHeadersAreNobody(t *testing.T) {
	for _, other := range []string{"Bearer dev-reader", "Bearer dev-writer", "Basic x", ""} {
		for _, all := range [][]string{{"Bearer dev-reader", other}, {other, "Bearer dev-reader"}} {
			r := &http.Request{Header: http.Header{"Authorization": all}}
			if c, err := identity.DevTokens().Authenticate(r); !errors.Is(err, identity.ErrUnknown) {
				t.Errorf("%q: %v %v, want ErrUnknown", all, c, err)
			}
		}
	}
}

// Two lines of a name are one caller: the one must not be a reader and the other an auditor.
func TestNobodyIsBothByTwoLines(t *testing.T) {
	_, err := identity.ParseTokens(strings.NewReader("ann reader " + hashOf("a") + "\nann auditor " + hashOf("b")))
	if err == nil || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "both reader and auditor") {
		t.Errorf("%v, want line 2", err)
	}
	if _, err := identity.ParseTokens(strings.NewReader("ann reader " + hashOf("a") + "\nbob auditor " + hashOf("b"))); err != nil {
		t.Errorf("two callers: %v", err)
	}
}

func TestParseTokensRefuses(t *testing.T) {
	good := "relay writer " + hashOf("CANARY") + "\n"
	for _, bad := range []string{
		"CANARY", "CANARY writer", "CANARY writer " + hashOf("x") + " more", "CANARY writer " + hashOf("x") + " expires=2027-01-31 more",
		"CANARY writer " + hashOf("x") + " expires=", "CANARY writer " + hashOf("x") + " 2027-01-31", "CANARY writer " + hashOf("x") + " expires=0001-01-01",
		"CANARY writer " + hashOf("x") + " expires=2027-02-30", "CANARY writer " + hashOf("x") + " expires=2027-01-31T12:00:00+01:00", "CANARY writer " + hashOf("x")[1:],
		"CANARY writer " + strings.Repeat("z", 64), "CANARY CANARY " + hashOf("x"), "CANARY reader,auditor " + hashOf("x"),
		"CANARY auditor,writer,reader " + hashOf("x"), "CANARY, writer " + hashOf("x"), "ČANARY writer " + hashOf("x"),
		"other reader " + hashOf("CANARY"), "CANARY " + strings.Repeat("x", 1<<17),
	} {
		_, err := identity.ParseTokens(strings.NewReader(good + "\n" + bad))
		if err == nil || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), hashOf("x")[:8]) {
			t.Errorf("%.40q: %v", bad, err)
			continue
		}
		if !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%.40q: %v names another line", bad, err)
		}
	}
}

// TestWholeHashCounts: each byte of a token's hash is compared.
func TestWholeHashCounts(t *testing.T) {
	right := sha256.Sum256([]byte("s3cret"))
	for n := range right {
		wrong := right
		wrong[n] ^= 1
		tokens, err := identity.ParseTokens(strings.NewReader("ann reader " + hex.EncodeToString(wrong[:])))
		mustBeNil(t, err)
		if _, err := tokens.Authenticate(withToken("s3cret")); !errors.Is(err, identity.ErrUnknown) {
			t.Errorf("a hash that differs in byte %d: %v", n, err)
		}
	}
}

// TestNoTokenIsNobody: not even if a line has the hash of the empty text.
func TestNoTokenIsNobody(t *testing.T) {
	tokens, err := identity.ParseTokens(strings.NewReader("ann reader " + hashOf("")))
	mustBeNil(t, err)
	for name, header := range map[string]http.Header{
		"none": {}, "empty": {"Authorization": {""}}, "a scheme": {"Authorization": {"Bearer"}}, "a scheme and a space": {"Authorization": {"Bearer "}},
		"spaces": {"Authorization": {"Bearer    "}}, "another scheme": {"Authorization": {"Basic "}},
	} {
		if caller, err := tokens.Authenticate(&http.Request{Header: header}); !errors.Is(err, identity.ErrUnknown) {
			t.Errorf("%s: %q, %v", name, caller.Name, err)
		}
	}
}

func TestDevTokens(t *testing.T) {
	for _, role := range []policy.Role{policy.Writer, policy.Reader, policy.Eraser, policy.Auditor} {
		name := "dev-" + string(role)
		have, err := identity.DevTokens().Authenticate(withToken(name))
		if diff := cmp.Diff(policy.Caller{Name: name, Authentication: "token", Roles: []policy.Role{role}}, have); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	if _, err := (&identity.Tokens{}).Authenticate(withToken("dev-reader")); !errors.Is(err, identity.ErrUnknown) {
		t.Errorf("no tokens: %v", err)
	}
}

// FuzzParseTokens: whatever a file holds, it is refused without a word of it, or
// every caller in it has valid roles.
func FuzzParseTokens(f *testing.F) {
	f.Add("relay writer " + hashOf("x"))
	f.Add("relay writer " + hashOf("x") + " expires=2027-01-31T12:00:00Z")
	f.Add("# nothing\n\nqqqqqqqq reader,auditor " + hashOf("x"))
	f.Fuzz(func(t *testing.T, file string) {
		tokens, err := identity.ParseTokens(strings.NewReader(file))
		if err == nil {
			if _, err := tokens.Authenticate(withToken(file)); err != nil && !errors.Is(err, identity.ErrUnknown) {
				t.Error(err)
			}
			return
		}
		wantNoWord(t, err, file)
	})
}
