package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// onlyGood knows the token "good".
type onlyGood struct{}

func (onlyGood) Authenticate(r *http.Request) (policy.Caller, error) {
	if r.Header.Get("Authorization") == "Bearer good" {
		return policy.Caller{Name: "bob", Authentication: "token"}, nil
	}
	return policy.Caller{}, identity.ErrUnknown
}

func newTestLimit() (identity.Authenticator, *clock) {
	c := newTestClock()
	return identity.NewGuesses(c.Now).Limit(onlyGood{}), c
}

// try returns what a token from an address proves: "" somebody, "unknown" nobody, or how long
// to wait.
func try(a identity.Authenticator, address, token string) string {
	r := withToken(token)
	r.RemoteAddr = address
	_, err := a.Authenticate(r)
	var tooMany *identity.TooManyError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &tooMany) && errors.Is(err, identity.ErrUnknown):
		return tooMany.RetryAfter.String()
	case err == identity.ErrUnknown || isCause(err): //nolint:errorlint // the very error
		return "unknown"
	}
	return err.Error()
}

// wantTry compares what some tokens in turn prove.
func wantTry(t *testing.T, a identity.Authenticator, address, token string, want ...string) {
	t.Helper()
	for n, want := range want {
		if have := try(a, address, token); have != want {
			t.Fatalf("%s, try %d of %q: %q, want %q", address, n+1, token, have, want)
		}
	}
}

// TestRightOnesDoNotResetTheCount: a guesser who has one right credential guesses no more than others.
func TestRightOnesDoNotResetTheCount(t *testing.T) {
	limit, _ := newTestLimit()
	for range 10 {
		wantTry(t, limit, "192.0.2.1:1234", "guess", "unknown")
		wantTry(t, limit, "192.0.2.1:1234", "good", "")
	}
	wantTry(t, limit, "192.0.2.1:1234", "guess", "6s")
}

func TestGuessesAreLimited(t *testing.T) {
	limit, c := newTestLimit()
	guess := func(want ...string) {
		t.Helper()
		wantTry(t, limit, "192.0.2.1:1234", "guess", want...)
	}
	guess(slices.Repeat([]string{"unknown"}, 10)...)
	guess("6s", "6s", "6s")
	wantTry(t, limit, "192.0.2.2:1234", "guess", "unknown")
	c.add(4 * time.Second)
	guess("2s")
	c.add(2 * time.Second)
	guess("unknown", "6s")
}

// TestRightCredentialsPass: whatever else came from their address, and without taking from what
// it may still guess.
func TestRightCredentialsPass(t *testing.T) {
	limit, _ := newTestLimit()
	good := make([]string, 100)
	wantTry(t, limit, "192.0.2.1:1234", "good", good...)
	wantTry(t, limit, "192.0.2.1:1234", "guess", slices.Repeat([]string{"unknown"}, 10)...)
	for range 3 {
		wantTry(t, limit, "192.0.2.1:1234", "guess", "6s")
		wantTry(t, limit, "192.0.2.1:1234", "good", good...)
	}
}

// hungUp is a caller who goes away while another server is asked.
type hungUp struct{}

func (hungUp) Authenticate(r *http.Request) (policy.Caller, error) {
	if r.Context().Err() == nil {
		return policy.Caller{Name: "bob"}, nil
	}
	return policy.Caller{}, identity.ErrUnknown
}

// TestHangingUpIsAGuess: else whoever hangs up in time could guess for ever.
func TestHangingUpIsAGuess(t *testing.T) {
	limit := identity.NewGuesses(newTestClock().Now).Limit(hungUp{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := withToken("guess").WithContext(ctx)
	r.RemoteAddr = "192.0.2.1:1"
	for range 10 {
		if _, err := limit.Authenticate(r); err != identity.ErrUnknown { //nolint:errorlint // the very error
			t.Fatal(err)
		}
	}
	if _, err := limit.Authenticate(r); !errors.As(err, new(*identity.TooManyError)) {
		t.Errorf("the 11th: %v", err)
	}
}

func TestGuessersAddresses(t *testing.T) {
	for _, test := range []struct {
		guesser, other string
		same           bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.0:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff:1]:2", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::1%eth1]:1", true},
		{"", "@", true},
		{"", "192.0.2.1:1", false},
	} {
		limit, _ := newTestLimit()
		for range 10 {
			try(limit, test.guesser, "guess")
		}
		if (try(limit, test.other, "guess") == "6s") != test.same {
			t.Errorf("%q guesses, %q: want the same %v", test.guesser, test.other, test.same)
		}
	}
}

func TestWhatIsNoGuess(t *testing.T) {
	limit, _ := newTestLimit()
	proxied := (*identity.Guesses)(nil).Limit(onlyGood{})
	for range 20 {
		wantTry(t, limit, "127.0.0.1:1", "guess", "unknown")
		wantTry(t, limit, "[::1]:1", "guess", "unknown")
		wantTry(t, proxied, "192.0.2.1:1", "guess", "unknown")
		if _, err := limit.Authenticate(&http.Request{RemoteAddr: "192.0.2.1:1"}); err != identity.ErrUnknown { //nolint:errorlint // the very error
			t.Fatal(err)
		}
	}
	wantTry(t, limit, "192.0.2.1:1", "guess", "unknown")
}

// TestGuessersAreBounded: many addresses do not push out one that keeps failing, and
// those that stopped long ago are forgotten.
func TestGuessersAreBounded(t *testing.T) {
	limit, _ := newTestLimit()
	for range 10 {
		try(limit, "192.0.2.1:1", "guess")
		try(limit, "192.0.2.2:1", "guess")
	}
	for n := range 3 * 8192 {
		try(limit, fmt.Sprintf("10.%d.%d.%d:1", n>>16, n>>8&255, n&255), "guess")
		if n%1000 == 0 {
			try(limit, "192.0.2.1:1", "guess")
		}
	}
	if try(limit, "192.0.2.1:1", "guess") != "6s" {
		t.Error("who kept guessing is forgotten")
	}
	if try(limit, "192.0.2.2:1", "guess") != "unknown" {
		t.Error("nobody is ever forgotten")
	}
}
