package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// clock is a time that moves when a test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newTestClock() *clock { return &clock{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// issuer is an OpenID Connect issuer over HTTPS: a discovery document and keys.
type issuer struct {
	*httptest.Server
	hold       chan struct{} // if set, keys wait until it is closed
	mu         sync.Mutex
	down       bool
	jwksURI    string // of the discovery document
	keys       []jose.JSONWebKey
	others     []any // published before them
	discovered int   // requests for the discovery document
	fetched    int   // requests for the keys
}

func newTestIssuer(t testing.TB, keys ...signer) *issuer {
	t.Helper()
	i := &issuer{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.discovered++
		i.answer(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.jwksURI,
			// It lists too many: what a token may be signed by is not its to say.
			"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		if i.hold != nil {
			i.hold <- struct{}{}
			<-i.hold
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		i.fetched++
		set := slices.Clone(i.others)
		for _, key := range i.keys {
			set = append(set, key)
		}
		i.answer(w, map[string]any{"keys": set})
	})
	i.Server = httptest.NewTLSServer(mux)
	t.Cleanup(i.Close)
	i.jwksURI = i.URL + "/keys"
	i.publish(keys...)
	return i
}

func (i *issuer) answer(w http.ResponseWriter, document any) {
	if i.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}

// set changes the issuer.
func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// asked returns how often the discovery document and the keys were read.
func (i *issuer) asked() (discovered, fetched int) {
	i.set(func() { discovered, fetched = i.discovered, i.fetched })
	return discovered, fetched
}

// publish makes these the issuer's keys.
func (i *issuer) publish(keys ...signer) {
	i.set(func() {
		i.keys = nil
		for _, k := range keys {
			i.keys = append(i.keys, jose.JSONWebKey{Key: k.key.Public(), KeyID: k.id, Algorithm: string(k.alg), Use: "sig"})
		}
	})
}

// signer is a key that signs tokens.
type signer struct {
	id  string
	alg jose.SignatureAlgorithm
	key crypto.Signer
}

func newRSA(t testing.TB, id string) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.RS256, key}
}

// newShortRSA returns a key that is too short to be trusted.
func newShortRSA(t testing.TB) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it must be refused
	if err != nil {
		t.Fatal(err)
	}
	return signer{"r1", jose.RS256, key}
}

func newECDSA(t testing.TB, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.ES256, key}
}

// published returns the public key as an issuer may publish it, without alg and use.
func (s signer) published(t testing.TB) (members map[string]any) {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func (s signer) sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: s.alg, Key: jose.JSONWebKey{Key: s.key, KeyID: s.id}}, claims)
}

func signWith(t testing.TB, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signText(t, key, string(payload))
}

// signText signs a payload, which may be no claims.
func (s signer) signText(t testing.TB, payload string) string {
	t.Helper()
	return signText(t, jose.SigningKey{Algorithm: s.alg, Key: jose.JSONWebKey{Key: s.key, KeyID: s.id}}, payload)
}

func signText(t testing.TB, key jose.SigningKey, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// claims are those of a good token, with changes; a nil value removes a claim.
func (i *issuer) claims(c *clock, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": i.URL, "aud": "piinguin", "sub": "alice@example.com",
		"iat": c.Now().Unix(), "nbf": c.Now().Unix(), "exp": c.Now().Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

// twice is a payload that has a claim twice: first with another value, then as a good token has it.
func (i *issuer) twice(c *clock, name string, other any) string {
	good, _ := json.Marshal(i.claims(c, nil)) // of text and numbers
	first, _ := json.Marshal(map[string]any{name: other})
	return strings.TrimSuffix(string(first), "}") + "," + strings.TrimPrefix(string(good), "{")
}

// onlyReader is a file of callers that knows some names, as readers.
func onlyReader(names ...string) func(string) ([]policy.Role, bool) {
	return func(name string) ([]policy.Role, bool) {
		for _, n := range names {
			if n == name {
				return []policy.Role{policy.Reader}, true
			}
		}
		return nil, false
	}
}

func newTestOIDC(t testing.TB, i *issuer, c *clock, change func(*identity.OIDCConfig)) *identity.OIDC {
	t.Helper()
	cfg := identity.OIDCConfig{
		Issuer: i.URL, Audience: "piinguin", Roles: onlyReader("alice@example.com"), HTTPClient: i.Client(), Now: c.Now,
	}
	if change != nil {
		change(&cfg)
	}
	o, err := identity.NewOIDC(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
