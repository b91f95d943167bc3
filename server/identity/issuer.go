package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/piinguin/piinguin/internal/noanswer"
)

// health tells once of each change of what is wrong with a server that vouches for callers.
type health struct {
	report func(error) // may be nil

	mu   sync.Mutex
	last string // what was told; "" if nothing is wrong
}

// tell takes what is wrong now; nil is nothing.
func (h *health) tell(problem error) {
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if text == h.last || h.report == nil {
		return
	}
	h.last = text
	h.report(problem)
}

// unanswered says in a fixed text why there is no answer, or another than 200; nil is 200 or a
// redirect, which http.Client follows.
func unanswered(resp *http.Response, err error) error {
	switch {
	case errors.Is(err, errNotHTTPS):
		return errNotHTTPS
	case err != nil:
		return errors.New(noanswer.Why(err))
	case resp.StatusCode != http.StatusOK && resp.Header.Get("Location") == "":
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// discovery is what is read of an issuer's discovery document (OpenID Connect Discovery 1.0
// section 3).
type discovery struct {
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwks_uri"`
}

// readDiscovery returns where an issuer publishes its keys. Errors have fixed texts: those of
// go-oidc for this quote the answer.
func readDiscovery(ctx context.Context, client *http.Client, issuer string) (string, error) {
	const what = "the discovery document cannot be read: %w"
	where := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return "", fmt.Errorf(what, errors.New("the issuer is no URL"))
	}
	resp, err := client.Do(r)
	if problem := unanswered(resp, err); problem != nil {
		if err == nil {
			_ = resp.Body.Close()
		}
		return "", fmt.Errorf(what, problem)
	}
	defer func() { _ = resp.Body.Close() }()
	var found discovery
	switch err := json.UnmarshalRead(resp.Body, &found); {
	case err != nil:
		return "", fmt.Errorf(what, errors.New("the answer is none, or larger than 1 MiB"))
	case found.Issuer != issuer:
		return "", fmt.Errorf(what, errors.New("it names another issuer than the setting, which must be the same to the letter"))
	}
	return found.JWKSURI, nil
}
