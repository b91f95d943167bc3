package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// anybody takes the Authorization header for the caller's name.
type anybody struct{}

// Authenticate implements identity.Authenticator.
func (anybody) Authenticate(r *http.Request) (policy.Caller, error) {
	return policy.Caller{Name: r.Header.Get("Authorization"), Authentication: "token"}, nil
}

// TestCallersAreBounded: many callers do not push out one that keeps calling, and one that has
// stopped is forgotten, its limit with it.
func TestCallersAreBounded(t *testing.T) {
	const remembered = 10_000
	ledger, err := audit.Open(t.Context(), audit.Config{Store: audit.NewMem(), Key: newTestKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ledger.Close(t.Context()) }()
	c := &clock{time.Now()}
	s, err := server.New(server.Config{
		Ledger: ledger, Store: store.NewMem(), Callers: anybody{}, Policy: policy.NewBuiltin(),
		Limits: server.Limits{RequestsPerSecond: 0.5}, Now: c.read,
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := s.Handler()
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
