package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// withoutSTS cannot find out who calls.
type withoutSTS struct{}

func (withoutSTS) Authenticate(*http.Request) (policy.Caller, error) {
	return policy.Caller{}, identity.ErrUnavailable
}

// TestIdentityUnavailable: a caller whose credential cannot be checked is told to try again, and not
// that its credential is wrong. Clients retry the one and not the other.
func TestIdentityUnavailable(t *testing.T) {
	v := newMemServer(t, nil, func(c *server.Config) { c.Callers = withoutSTS{} })
	const path = "/twirp/piinguin.v1.Piinguin/ReadPiiRecord"
	status, answer := v.send(t, http.MethodPost, path, "right", strings.NewReader(`{"modified_value":"a","processing_basis":"CONSENT"}`))
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, `"reason":"identity_unavailable"`) {
		t.Errorf("%d %s", status, answer)
	}
	v.wantLine(t, `"code":"unavailable"`, `"reason":"identity_unavailable"`, `"address":"127.0.0.1"`)
	if n := len(v.entries(t)); n != 0 {
		t.Errorf("%d entries of a caller that nobody knows", n)
	}
}
