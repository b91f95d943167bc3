package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// anybody takes the Authorization header for the caller's name.
type anybody struct{}

// Authenticate implements identity.Authenticator. A request with a cookie is by OIDC.
func (anybody) Authenticate(r *http.Request) (policy.Caller, error) {
	if r.Header.Get("Cookie") != "" {
		return policy.Caller{Name: r.Header.Get("Authorization"), Authentication: "oidc"}, nil
	}
	return policy.Caller{Name: r.Header.Get("Authorization"), Authentication: "token"}, nil
}

// TestOneNameByTwoMethods: two callers, each with a limit of its own.
func TestOneNameByTwoMethods(t *testing.T) {
	handler := newTestHandler(t, server.Config{Callers: anybody{}, Limits: server.Limits{RequestsPerSecond: 0.5}, Now: (&clock{time.Now()}).read})
	for _, cookie := range []string{"", "oidc"} {
		for _, want := range []int{http.StatusNotFound, http.StatusTooManyRequests} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/twirp/no.Such/Method", nil)
			r.Header.Set("Authorization", "ann")
			if cookie != "" {
				r.Header.Set("Cookie", cookie)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("cookie %q: %d, want %d", cookie, w.Code, want)
			}
		}
	}
}

// newTestHandler serves an empty vault. Requests need not come from the loopback address.
func newTestHandler(t *testing.T, conf server.Config) http.Handler {
	t.Helper()
	s, err := newEmptyServer(t, conf)
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

func newEmptyServer(t *testing.T, conf server.Config) (*server.Server, error) {
	t.Helper()
	ledger, err := audit.Open(t.Context(), audit.Config{Store: audit.NewMem(), Key: newTestKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close(context.WithoutCancel(t.Context())) })
	conf.Ledger, conf.Store, conf.Policy = ledger, store.NewMem(), policy.NewBuiltin()
	return server.New(conf)
}

// TestNewRefusesLimits: no comparison with NaN holds, so it would be no limit.
func TestNewRefusesLimits(t *testing.T) {
	for _, l := range []server.Limits{
		{RequestsPerSecond: -1}, {RequestsPerSecond: math.NaN()}, {RequestsPerSecond: math.Inf(1)}, {RequestsPerSecond: server.MaxRequestsPerSecond + 1}, {RecordsPerMinute: -1},
	} {
		if _, err := newEmptyServer(t, server.Config{Callers: anybody{}, Limits: l}); err == nil || !strings.Contains(err.Error(), "Config.Limits") {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// TestCallersAreBounded: many callers do not push out one that keeps calling, and one that has
// stopped is forgotten, its limit with it.
func TestCallersAreBounded(t *testing.T) {
	const remembered = 10_000
	handler := newTestHandler(t, server.Config{Callers: anybody{}, Limits: server.Limits{RequestsPerSecond: 0.5}, Now: (&clock{time.Now()}).read})
	limited := func(caller string) bool {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/twirp/no.Such/Method", nil)
		r.Header.Set("Authorization", caller)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code == http.StatusTooManyRequests
	}
	for _, caller := range []string{"stopped", "busy"} {
		if limited(caller) || !limited(caller) {
			t.Fatalf("%s: not the second request of two is refused", caller)
		}
	}
	for n := range remembered {
		limited(fmt.Sprint("caller ", n))
		if n%(remembered/2) == 0 && !limited("busy") {
			t.Errorf("after %d others a caller that keeps calling is forgotten", n)
		}
	}
	if !limited("busy") {
		t.Error("a caller that keeps calling is forgotten")
	}
	if limited("stopped") {
		t.Error("nobody is ever forgotten")
	}
}

// TestWrongCredentialsAreLimited: beyond the limit of an address wrong credentials are told to
// wait, and right ones from there are served.
func TestWrongCredentialsAreLimited(t *testing.T) {
	c := &clock{time.Now()}
	handler := newTestHandler(t, server.Config{Callers: identity.NewGuesses(c.read).Limit(identity.DevTokens()), Now: c.read})
	type answer struct {
		Code, Reason, RetryAfter, Header string
	}
	call := func(token string) answer {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/twirp/piinguin.v1.Audit/ListEntries", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var failure struct {
			Code string
			Meta map[string]string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &failure); err != nil {
			t.Fatal(err)
		}
		return answer{failure.Code, failure.Meta["reason"], failure.Meta["retry_after"], w.Header().Get("Retry-After")}
	}
	want := func(token string, want answer) {
		t.Helper()
		if diff := cmp.Diff(want, call(token)); diff != "" {
			t.Errorf("%s (-want +have):\n%s", token, diff)
		}
	}
	for range 10 {
		want("wrong", answer{Code: "unauthenticated", Reason: "unauthenticated"})
	}
	want("wrong", answer{"resource_exhausted", "too_many_wrong_credentials", "6", "6"})
	want("dev-auditor", answer{})
	c.now = c.now.Add(3500 * time.Millisecond)
	want("wrong", answer{"resource_exhausted", "too_many_wrong_credentials", "3", "3"})
	want("dev-auditor", answer{})
}
