package identity_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// counted knows the token "good" and counts how often it is asked.
type counted struct{ asked int }

func (c *counted) Authenticate(r *http.Request) (policy.Caller, error) {
	c.asked++
	if r.Header.Get("Authorization") == "Bearer good" {
		return policy.Caller{Name: "bob", Authentication: "token"}, nil
	}
	return policy.Caller{}, identity.ErrUnknown
}

func newTestLimit() (identity.Authenticator, *counted, *clock) {
	next, c := &counted{}, newTestClock()
	return identity.LimitGuesses(next, c.Now), next, c
}

// try returns whether a token from an address proves anybody.
func try(a identity.Authenticator, address, token string) bool {
	r := withToken(token)
	r.RemoteAddr = address
	_, err := a.Authenticate(r)
	return err == nil
}

func TestGuessesAreLimited(t *testing.T) {
	limit, next, c := newTestLimit()
	for range 50 {
		if try(limit, "192.0.2.1:1234", "guess") {
			t.Fatal("a guess is right")
		}
	}
	if next.asked != 10 {
		t.Errorf("50 guesses: %d were looked at, want 10", next.asked)
	}
	if try(limit, "192.0.2.1:9999", "good") {
		t.Error("over the limit a good token still tells that it is good")
	}
	if !try(limit, "192.0.2.2:1234", "good") {
		t.Error("another address is limited too")
	}
	c.add(6*time.Second - 1)
	if try(limit, "192.0.2.1:1234", "good") {
		t.Error("the limit ends early")
	}
	c.add(1)
	for range 100 { // success takes nothing away
		if !try(limit, "192.0.2.1:1234", "good") {
			t.Fatal("the limit does not end")
		}
	}
	if try(limit, "192.0.2.1:1234", "guess") || try(limit, "192.0.2.1:1234", "good") {
		t.Error("more than one guess in 6 seconds")
	}
}

func TestSuccessNeverCounts(t *testing.T) {
	limit, _, _ := newTestLimit()
	for n := range 1000 {
		if !try(limit, "192.0.2.1:1234", "good") {
			t.Fatalf("request %d is refused", n)
		}
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
		limit, _, _ := newTestLimit()
		for range 10 {
			try(limit, test.guesser, "guess")
		}
		if try(limit, test.other, "good") == test.same {
			t.Errorf("%q guesses, %q: want the same %v", test.guesser, test.other, test.same)
		}
	}
}

func TestWhatIsNoGuess(t *testing.T) {
	limit, next, _ := newTestLimit()
	for range 20 {
		try(limit, "127.0.0.1:1", "guess")
		try(limit, "[::1]:1", "guess")
		_, _ = limit.Authenticate(&http.Request{RemoteAddr: "192.0.2.1:1"})
	}
	if next.asked != 60 {
		t.Errorf("%d were looked at, want 60", next.asked)
	}
	for _, address := range []string{"127.0.0.1:1", "[::1]:1", "192.0.2.1:1"} {
		if !try(limit, address, "good") {
			t.Errorf("%s is limited", address)
		}
	}
}

// TestGuessersAreBounded: many addresses do not push out one that keeps failing, and
// those that stopped long ago are forgotten.
func TestGuessersAreBounded(t *testing.T) {
	limit, _, _ := newTestLimit()
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
	if try(limit, "192.0.2.1:1", "good") {
		t.Error("who kept guessing is forgotten")
	}
	if !try(limit, "192.0.2.2:1", "good") {
		t.Error("nobody is ever forgotten")
	}
}
