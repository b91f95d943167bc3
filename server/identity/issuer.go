package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

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
	switch err := json.NewDecoder(resp.Body).Decode(&found); {
	case err != nil:
		return "", fmt.Errorf(what, errors.New("the answer is none, or larger than 1 MiB"))
	case found.Issuer != issuer:
		return "", fmt.Errorf(what, errors.New("it names another issuer than the setting, which must be the same to the letter"))
	}
	return found.JWKSURI, nil
}

// usableKeys lets the keys of a JSON Web Key Set through that can verify a signature, and passes
// over the others (RFC 7517 section 5). go-oidc refuses a whole set for one of most of these.
type usableKeys struct {
	next   http.RoundTripper
	health *health
}

// RoundTrip implements http.RoundTripper.
func (u *usableKeys) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := u.next.RoundTrip(r)
	if problem := unanswered(resp, err); problem != nil {
		u.health.tell(fmt.Errorf("the keys cannot be read: %w", problem))
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, problem
	}
	if resp.StatusCode != http.StatusOK {
		return resp, nil // a redirect
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		body = nil // as one that is no set
	}
	set, problem := usable(body)
	u.health.tell(problem)
	if set == nil {
		return nil, problem
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(set)), int64(len(set))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// askedKeys notes whether a signature could not be verified because the issuer did not answer. The
// error of oidc.IDTokenVerifier does not say so.
type askedKeys struct {
	oidc.KeySet
	unanswered bool
}

// VerifySignature implements oidc.KeySet.
func (k *askedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	call := (*url.Error)(nil) // of the HTTP client alone
	// Whoever names keys that do not exist makes the issuer be asked too often. That is a guess.
	k.unanswered = errors.As(err, &call) && !errors.Is(err, errSeldom)
	return payload, err
}

// usable returns a set of the keys that can be used, and what is wrong with the others. The set is
// nil if the text is none.
func usable(text []byte) ([]byte, error) {
	var given, good struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &given) != nil || given.Keys == nil {
		return nil, errors.New("the keys cannot be read: the answer is no JSON Web Key Set, or larger than 1 MiB")
	}
	good.Keys = []json.RawMessage{}
	unusable := 0
	for _, raw := range given.Keys {
		var key jose.JSONWebKey
		switch err := json.Unmarshal(raw, &key); {
		case err != nil || !key.Valid() || !key.IsPublic():
			unusable++
		case key.Use == "" || key.Use == "sig":
			good.Keys = append(good.Keys, raw)
		}
	}
	set, _ := json.Marshal(good) // of JSON that was parsed
	switch {
	case len(good.Keys) == 0:
		return set, errors.New("no key is published that can verify a signature")
	case unusable > 0:
		return set, fmt.Errorf("%d of %d keys cannot be used and are passed over: tokens that they sign are refused", unusable, len(given.Keys))
	}
	return set, nil
}
