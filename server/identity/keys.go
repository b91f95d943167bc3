package identity

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// minRSA is the shortest RSA key that may verify, in bits (RFC 7518 section 3.3).
const minRSA = 2048

// published is a key as an issuer publishes it, and what it is for (RFC 7517 section 4).
type published struct {
	Use string                  `json:"use"`
	Ops []string                `json:"key_ops"`
	Alg jose.SignatureAlgorithm `json:"alg"`

	raw jsontext.Value
	key jose.JSONWebKey
}

// parseKey reports false for a key that cannot be used.
func parseKey(raw jsontext.Value) (p published, ok bool) {
	p.raw = raw
	if json.Unmarshal(raw, &p) != nil || p.key.UnmarshalJSON(raw) != nil || !p.key.Valid() || !p.key.IsPublic() {
		return p, false
	}
	if key, isRSA := p.key.Key.(*rsa.PublicKey); isRSA && key.N.BitLen() < minRSA {
		return p, false
	}
	return p, p.Alg == "" || slices.Contains(signatures, p.Alg) || !p.verifies()
}

// verifies reports whether the key is meant for signatures.
func (p published) verifies() bool {
	return (p.Use == "" || p.Use == "sig") && (p.Ops == nil || slices.Contains(p.Ops, "verify"))
}

// usable returns the keys of a JSON Web Key Set that can verify signatures, and what is wrong with the
// others. They are nil if the text is no set.
func usable(text []byte) ([]published, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	// A name that is there twice spoils its own key only.
	if json.Unmarshal(text, &set, jsontext.AllowDuplicateNames(true)) != nil || set.Keys == nil {
		return nil, errors.New("the keys cannot be read: the answer is no JSON Web Key Set, or larger than 1 MiB")
	}
	good, unusable := []published{}, 0
	for _, raw := range set.Keys {
		switch p, ok := parseKey(raw); {
		case !ok:
			unusable++
		case p.verifies():
			good = append(good, p)
		}
	}
	switch {
	case len(good) == 0:
		return good, errors.New("no key is published that can verify a signature")
	case unusable > 0:
		return good, fmt.Errorf("%d of %d keys cannot be used and are passed over: tokens that they sign are refused", unusable, len(set.Keys))
	}
	return good, nil
}

// usableKeys lets the keys of a JSON Web Key Set through that can verify a signature, and passes
// over the others (RFC 7517 section 5). go-oidc refuses a whole set for one of most of these.
type usableKeys struct {
	next   http.RoundTripper
	health *health

	mu   sync.Mutex
	last []published // let through
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
	keys, problem := usable(body)
	u.health.tell(problem)
	if keys == nil {
		return nil, problem
	}
	u.mu.Lock()
	u.last = keys
	u.mu.Unlock()
	set := setOf(keys)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(set)), int64(len(set))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// setOf returns a JSON Web Key Set.
func setOf(keys []published) []byte {
	raw := []jsontext.Value{}
	for _, p := range keys {
		raw = append(raw, p.raw)
	}
	set, _ := json.Marshal(map[string][]jsontext.Value{"keys": raw}) // of JSON that was parsed
	return set
}

// permit reports whether the key of a token that go-oidc has verified is published for the token's algorithm,
// or for any (RFC 7517 section 4.4). go-oidc takes the key by its name alone.
func (u *usableKeys) permit(signed *jose.JSONWebSignature) bool {
	u.mu.Lock()
	keys := u.last
	u.mu.Unlock()
	header := signed.Signatures[0].Header
	var named, permitted []published
	for _, p := range keys {
		if header.KeyID != "" && p.key.KeyID != header.KeyID {
			continue
		}
		named = append(named, p)
		if p.Alg == "" || string(p.Alg) == header.Algorithm {
			permitted = append(permitted, p)
		}
	}
	if len(permitted) == len(named) {
		return len(named) > 0
	}
	return slices.ContainsFunc(permitted, func(p published) bool { _, err := signed.Verify(p.key); return err == nil })
}
