package identity_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

var alice = policy.Caller{Name: "alice@example.com", Authentication: "oidc", Roles: []policy.Role{policy.Reader}}

func wantCaller(t *testing.T, a identity.Authenticator, token string, want policy.Caller) {
	t.Helper()
	have, err := a.Authenticate(withToken(token))
	if diff := cmp.Diff(want, have); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// wantUnknown holds that the error is a cause of the closed list, which says nothing of what was sent.
func wantUnknown(t *testing.T, a identity.Authenticator, token string) {
	t.Helper()
	have, err := a.Authenticate(withToken(token))
	if diff := cmp.Diff(policy.Caller{}, have); !isCause(err) || diff != "" {
		t.Errorf("%v, want a cause itself %s", err, diff)
	}
}

// wantUnavailable holds that a token is not taken for a wrong one, and that nothing is said of it.
func wantUnavailable(t *testing.T, a identity.Authenticator, token string) {
	t.Helper()
	have, err := a.Authenticate(withToken(token))
	if diff := cmp.Diff(policy.Caller{}, have); err != identity.ErrUnavailable || diff != "" { //nolint:errorlint // the very error
		t.Errorf("%v, want ErrUnavailable itself %s", err, diff)
	}
}

func TestOIDCKnowsGoodTokens(t *testing.T) {
	rsa, ecdsa, c := newRSA(t, "r1"), newECDSA(t, "e1"), newTestClock()
	i := newTestIssuer(t, rsa, ecdsa)
	o := newTestOIDC(t, i, c, nil)
	wantCaller(t, o, rsa.sign(t, i.claims(c, nil)), alice)
	wantCaller(t, o, ecdsa.sign(t, i.claims(c, nil)), alice)
	wantCaller(t, o, rsa.sign(t, i.claims(c, map[string]any{"aud": []string{"other", "piinguin"}})), alice)
	wantCaller(t, o, rsa.sign(t, i.claims(c, map[string]any{"nbf": nil, "iat": nil})), alice)
}

func TestOIDCRefusesTokens(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	other := newRSA(t, "r1")
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, nil)
	for name, changes := range map[string]map[string]any{
		"expired":          {"exp": c.Now().Add(-time.Second).Unix()},
		"no expiry":        {"exp": nil},
		"expiry is text":   {"exp": "tomorrow"},
		"not yet":          {"nbf": c.Now().Add(6 * time.Minute).Unix()},
		"other audience":   {"aud": "other"},
		"no audience":      {"aud": nil},
		"other issuer":     {"iss": "https://issuer.example"},
		"issuer with path": {"iss": i.URL + "/"},
		"no issuer":        {"iss": nil},
		"no sub":           {"sub": nil},
		"sub is a number":  {"sub": 7},
		"sub is a list":    {"sub": []string{"alice@example.com"}},
		"sub is an object": {"sub": map[string]any{"name": "alice@example.com"}},
		"sub is empty":     {"sub": ""},
		"expiry is quoted": {"exp": fmt.Sprint(c.Now().Add(time.Hour).Unix())},
		"expiry is now":    {"exp": c.Now().Unix()},
		"not yet is text":  {"nbf": "yesterday"},
		"EXP":              {"exp": c.Now().Add(-time.Second).Unix(), "EXP": c.Now().Add(time.Hour).Unix()},
		"EXP alone":        {"exp": nil, "EXP": c.Now().Add(time.Hour).Unix()},
		"Aud":              {"aud": "other", "Aud": "piinguin"},
		"ISS alone":        {"iss": nil, "ISS": i.URL},
		"Sub alone":        {"sub": nil, "Sub": "alice@example.com"},
		"NBF":              {"nbf": c.Now().Add(6 * time.Minute).Unix(), "NBF": c.Now().Unix()},
		"unknown caller":   {"sub": "mallory@example.com"},
	} {
		t.Run(name, func(t *testing.T) { wantUnknown(t, o, rsa.sign(t, i.claims(c, changes))) })
	}
	good := rsa.sign(t, i.claims(c, nil))
	header, payload, signature := split(good)
	for name, token := range map[string]string{
		"wrong key":         other.sign(t, i.claims(c, nil)),
		"truncated":         good[:len(good)-4],
		"no signature":      header + "." + payload + ".",
		"without signature": header + "." + payload,
		"none":              encode(`{"alg":"none"}`) + "." + payload + ".",
		"none, signed":      encode(`{"alg":"none","kid":"r1"}`) + "." + payload + "." + signature,
		"exp twice":         rsa.signText(t, i.twice(c, "exp", c.Now().Add(-time.Second).Unix())),
		"aud twice":         rsa.signText(t, i.twice(c, "aud", "other")),
		"sub twice":         rsa.signText(t, i.twice(c, "sub", "mallory@example.com")),
		"endless":           rsa.signText(t, i.twice(c, "sub", "x")+"{}"),
		"no object":         rsa.signText(t, `["exp"]`),
		"null":              rsa.signText(t, "null"),
		"exp is huge":       rsa.signText(t, fmt.Sprintf(`{"iss":%q,"aud":"piinguin","sub":"alice@example.com","exp":1e400}`, i.URL)),
		"other payload":     header + "." + encode(`{"sub":"bob"}`) + "." + signature,
		"five parts":        good + ".." + signature,
		"padded":            header + "." + payload + "." + signature + "==",
		"JSON":              `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`,
		"empty":             "",
		"no JWT":            "dev-reader",
	} {
		t.Run(name, func(t *testing.T) { wantUnknown(t, o, token) })
	}
}

// TestOIDCRefusesSharedKeys: the public key is known to all, and so would be a
// signature that it makes as a secret.
func TestOIDCRefusesSharedKeys(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, nil)
	der, err := x509.MarshalPKIXPublicKey(rsa.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: rsa.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{der, jwk, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})} {
		for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
			token := signWith(t, jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: secret, KeyID: "r1"}}, i.claims(c, nil))
			wantUnknown(t, o, token)
		}
	}
	// Not even if the issuer lists HS256 and publishes the secret among its keys.
	i.set(func() {
		i.keys = append(i.keys, jose.JSONWebKey{Key: []byte("a secret for everybody, 32 bytes"), KeyID: "s1"})
	})
	wantUnknown(t, o, signWith(t, jose.SigningKey{
		Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte("a secret for everybody, 32 bytes"), KeyID: "s1"},
	}, i.claims(c, nil)))
}

func TestOIDCCallerClaim(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) {
		cfg.CallerClaim = "email"
		cfg.Roles = func(string) ([]policy.Role, bool) { return []policy.Role{policy.Reader}, true }
	})
	long := strings.Repeat("x", 256)
	for _, name := range []string{"alice@example.com", "Žofie Nováková", long} {
		wantCaller(t, o, rsa.sign(t, i.claims(c, map[string]any{"email": name})),
			policy.Caller{Name: name, Authentication: "oidc", Roles: []policy.Role{policy.Reader}})
	}
	for _, name := range []string{"", " ", "\u3164", "\u00a0 ", " alice", "alice ", long + "x", "a\nb", "a\x00", "a\u0085", "a\ufffd", "a\u202eb", "a\u200b", "a\u2028"} {
		wantUnknown(t, o, rsa.sign(t, i.claims(c, map[string]any{"email": name})))
	}
	wantUnknown(t, o, rsa.sign(t, i.claims(c, map[string]any{"Email": "alice@example.com"})))
	wantUnknown(t, o, rsa.sign(t, i.claims(c, nil)))
}

func TestOIDCRolesClaim(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) {
		cfg.RolesClaim = "roles"
		cfg.Roles = func(string) ([]policy.Role, bool) {
			t.Error("Roles is asked although a claim gives them")
			return nil, false
		}
	})
	for _, test := range []struct {
		claim any
		want  []policy.Role // none is unknown
	}{
		{[]string{"reader"}, []policy.Role{policy.Reader}},
		{"reader", []policy.Role{policy.Reader}},
		{" writer  eraser ", []policy.Role{policy.Eraser, policy.Writer}},
		{[]string{"openid", "writer", "admin", "writer"}, []policy.Role{policy.Writer}},
		{[]string{"writer", "auditor"}, []policy.Role{policy.Auditor, policy.Writer}},
		{[]string{"reader", "auditor"}, nil},
		{"auditor openid reader", nil},
		{[]string{"admin", "READER", "reader "}, nil},
		{[]string{}, nil},
		{"", nil},
		{nil, nil},
		{7, nil},
		{true, nil},
		{[]any{"reader", 7}, nil},
		{map[string]any{"reader": true}, nil},
	} {
		token := rsa.sign(t, i.claims(c, map[string]any{"roles": test.claim}))
		if test.want == nil {
			wantUnknown(t, o, token)
			continue
		}
		wantCaller(t, o, token, policy.Caller{Name: "alice@example.com", Authentication: "oidc", Roles: test.want})
	}
}

// TestOIDCRolesBesideFiles: what an issuer gives and what files give a name by other methods never
// make it reader and auditor.
func TestOIDCRolesBesideFiles(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	for _, test := range []struct {
		given string
		known bool
	}{{"auditor", false}, {"writer", true}, {"reader", true}, {"", true}} {
		o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) {
			cfg.RolesClaim = "roles"
			cfg.Given = func(name string) []string {
				if name != alice.Name {
					t.Errorf("asked for %q", name)
				}
				return strings.Fields(test.given)
			}
		})
		token := rsa.sign(t, i.claims(c, map[string]any{"roles": "reader"}))
		if test.known {
			wantCaller(t, o, token, alice)
		} else {
			wantUnknown(t, o, token)
		}
	}
}

func TestOIDCKeysRotate(t *testing.T) {
	first, second, c := newRSA(t, "r1"), newECDSA(t, "e2"), newTestClock()
	i := newTestIssuer(t, first)
	o := newTestOIDC(t, i, c, nil)
	wantCaller(t, o, first.sign(t, i.claims(c, nil)), alice)
	wantUnknown(t, o, second.sign(t, i.claims(c, nil)))
	i.publish(first, second)
	readKeys(t, o, i, second.sign(t, i.claims(c, nil)))
	wantCaller(t, o, second.sign(t, i.claims(c, nil)), alice)
	wantCaller(t, o, first.sign(t, i.claims(c, nil)), alice)
	i.publish(second)
	c.add(10 * time.Second)
	readKeys(t, o, i, newRSA(t, "r3").sign(t, i.claims(c, nil)))
	revoked := first.sign(t, i.claims(c, nil))
	for range 10_000 { // go-oidc answers a moment before it keeps the keys
		if _, err := o.Authenticate(withToken(revoked)); err != nil {
			break
		}
		runtime.Gosched()
	}
	wantUnknown(t, o, revoked)
	wantCaller(t, o, second.sign(t, i.claims(c, nil)), alice)
}

// readKeys sends a token with a new key until the issuer was asked for its keys. A token that comes at
// once after an answer still gets that answer, because go-oidc tells the answer a moment before it
// forgets the request (jwks.go). So a test that changes the issuer calls it before it looks at a token.
func readKeys(t *testing.T, o *identity.OIDC, i *issuer, token string) {
	t.Helper()
	_, before := i.asked()
	for range 10_000 {
		_, _ = o.Authenticate(withToken(token))
		if _, now := i.asked(); now > before {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("the issuer's keys were not read")
}

// TestOIDCAsksTheIssuerSeldom: anybody can make up a key's name.
func TestOIDCAsksTheIssuerSeldom(t *testing.T) {
	rsa, stranger, c := newRSA(t, "r1"), newECDSA(t, "e9"), newTestClock()
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, nil)
	unknown := stranger.sign(t, i.claims(c, nil))
	for range 5 {
		readKeys(t, o, i, unknown)
	}
	for range 100 {
		wantUnknown(t, o, unknown)
	}
	if _, fetched := i.asked(); fetched != 5 {
		t.Errorf("the issuer's keys were read %d times, want 5", fetched)
	}
	wantCaller(t, o, rsa.sign(t, i.claims(c, nil)), alice)
	i.publish(rsa, stranger)
	c.add(2 * time.Second)
	readKeys(t, o, i, unknown)
	wantCaller(t, o, unknown, alice)
}

func TestOIDCIssuerDownAtStart(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	i.set(func() { i.down = true })
	told := &reports{}
	o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) { cfg.Report = told.add })
	token := rsa.sign(t, i.claims(c, nil))
	wantUnavailable(t, o, token) // too early to ask again
	wantUnknown(t, o, rsa.sign(t, i.claims(c, map[string]any{"iss": "https://other.example"})))
	if asked, _ := i.asked(); asked != 1 {
		t.Errorf("asked %d times before its time", asked)
	}
	c.add(time.Second)
	wantUnavailable(t, o, token)
	c.add(time.Second)
	wantUnavailable(t, o, token) // the second wait is twice as long
	if asked, _ := i.asked(); asked != 2 {
		t.Errorf("asked %d times after two waits, want 2", asked)
	}
	i.set(func() { i.down = false })
	c.add(time.Second)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { wantCaller(t, o, token, alice) })
	}
	all.Wait()
	if asked, _ := i.asked(); asked != 3 {
		t.Errorf("8 callers: asked %d times in all, want 3", asked)
	}
	told.want(t, "the discovery document cannot be read: status 502", "")
}

// TestOIDCKeysNotReachable: a key that is new may be right, so its tokens are no guesses. Tokens of
// keys that are known go on being taken, and an answer without the key is one.
func TestOIDCKeysNotReachable(t *testing.T) {
	known, next, c := newRSA(t, "r1"), newRSA(t, "r2"), newTestClock()
	i := newTestIssuer(t, known)
	o := newTestOIDC(t, i, c, nil)
	limit := identity.NewGuesses(c.Now).Limit(o)
	right := known.sign(t, i.claims(c, nil))
	wantCaller(t, limit, right, alice)
	i.set(func() { i.down = true })
	fresh := next.sign(t, i.claims(c, nil))
	readKeys(t, o, i, fresh)
	for range 20 {
		wantTry(t, limit, "192.0.2.1:1", fresh, identity.ErrUnavailable.Error())
		c.add(2 * time.Second) // as often as keys are read
	}
	wantCaller(t, limit, right, alice)
	wantUnknown(t, limit, next.sign(t, i.claims(c, map[string]any{"iss": "https://other.example"})))
	i.set(func() { i.down = false })
	c.add(2 * time.Second)
	readKeys(t, o, i, fresh)
	wantTry(t, limit, "192.0.2.1:1", fresh, "unknown")
	i.publish(known, next)
	c.add(2 * time.Second)
	readKeys(t, o, i, fresh)
	wantCaller(t, limit, fresh, alice)
}

func TestOIDCHTTPSOnly(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	plain := httptest.NewServer(i.Config.Handler)
	defer plain.Close()
	redirect := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/keys", http.StatusFound))
	defer redirect.Close()
	client := i.Client() // takes the certificate of all servers of httptest
	for _, keys := range []string{plain.URL + "/keys", redirect.URL} {
		i.set(func() { i.jwksURI = keys })
		o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) { cfg.HTTPClient = client })
		wantUnavailable(t, o, rsa.sign(t, i.claims(c, nil)))
	}
	if _, fetched := i.asked(); fetched != 0 {
		t.Error("keys were read over plain HTTP")
	}
}

// TestOIDCHugeAnswer: an answer is read to its limit, not to its end.
func TestOIDCHugeAnswer(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	i.set(func() { i.jwksURI += "#" + strings.Repeat("x", 1<<20) })
	o := newTestOIDC(t, i, c, nil)
	i.set(func() { i.jwksURI = i.URL + "/keys" })
	wantUnavailable(t, o, rsa.sign(t, i.claims(c, nil)))
	c.add(time.Minute)
	wantCaller(t, o, rsa.sign(t, i.claims(c, nil)), alice)
}

func TestOIDCCallerGoesAway(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, nil)
	i.hold = make(chan struct{})
	defer close(i.hold)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-i.hold // the keys are being read, and the caller goes
		cancel()
	}()
	r := withToken(rsa.sign(t, i.claims(c, nil))).WithContext(ctx)
	if _, err := o.Authenticate(r); !errors.Is(err, identity.ErrUnknown) {
		t.Errorf("%v, want ErrUnknown", err)
	}
}

// jwk is a key as JSON.
func jwk(text string) any { return json.RawMessage(text) }

// TestOIDCPassesOverKeys: one key that this server cannot use does not keep it from the others
// (RFC 7517 section 5).
func TestOIDCPassesOverKeys(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	for name, other := range map[string]any{
		"Ed448":                 jwk(`{"kty":"OKP","crv":"Ed448","kid":"x","use":"sig","x":"X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA"}`),
		"X25519":                jwk(`{"kty":"OKP","crv":"X25519","kid":"x","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`),
		"secp256k1 without alg": jwk(`{"kty":"EC","crv":"secp256k1","kid":"x","x":"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g","y":"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}`),
		"secp256k1 with alg":    jwk(`{"kty":"EC","crv":"secp256k1","alg":"ES256K","kid":"x","x":"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g","y":"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}`),
		"no curve":              jwk(`{"kty":"EC","crv":"","kid":"x","x":"AA","y":"AA"}`),
		"new kind":              jwk(`{"kty":"CANARY","kid":"x"}`),
		"no kind":               jwk(`{}`),
		"alg is a number":       jwk(`{"kty":"RSA","alg":7,"n":"AA","e":"AQAB"}`),
		"no key at all":         7,
		"short":                 jose.JSONWebKey{Key: newShortRSA(t).key.Public(), KeyID: "x"},
		"alg twice":             jwk(`{"kty":"EC","crv":"P-256","alg":"ES256","alg":"ES256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`),
		"another alg":           jose.JSONWebKey{Key: rsa.key.Public(), KeyID: "x", Algorithm: "RSA-OAEP"},
		"a private key":         jose.JSONWebKey{Key: rsa.key, KeyID: "x"},
		"a secret":              jose.JSONWebKey{Key: []byte("CANARY"), KeyID: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			i, told := newTestIssuer(t, rsa), &reports{}
			i.set(func() { i.others = []any{other} })
			o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) { cfg.Report = told.add })
			wantCaller(t, o, rsa.sign(t, i.claims(c, nil)), alice)
			told.want(t, "1 of 2 keys cannot be used and are passed over: tokens that they sign are refused")
		})
	}
	i, told, forEncryption := newTestIssuer(t), &reports{}, jose.JSONWebKey{Key: rsa.key.Public(), KeyID: "r1", Use: "enc"}
	i.set(func() { i.others = []any{forEncryption} })
	o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) { cfg.Report = told.add })
	wantUnknown(t, o, rsa.sign(t, i.claims(c, nil)))
	told.want(t, "no key is published that can verify a signature")
	i.publish(rsa)
	readKeys(t, o, i, rsa.sign(t, i.claims(c, nil)))
	wantCaller(t, o, rsa.sign(t, i.claims(c, nil)), alice)
	told.want(t, "no key is published that can verify a signature", "")
}

// TestOIDCKeysAreForWhatTheySay: a key verifies by the algorithm and for the operations that the issuer
// publishes with it.
func TestOIDCKeysAreForWhatTheySay(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	weak := newShortRSA(t)
	long, short := rsa.published(t), weak.published(t)
	for name, test := range map[string]struct {
		key    map[string]any
		change map[string]any
		by     jose.SignatureAlgorithm
		known  bool
	}{
		"no alg":          {long, nil, jose.RS256, true},
		"no alg, PS":      {long, nil, jose.PS384, true},
		"its alg":         {long, map[string]any{"alg": "PS256"}, jose.PS256, true},
		"another alg":     {long, map[string]any{"alg": "RS256"}, jose.PS256, false},
		"for encryption":  {long, map[string]any{"alg": "RSA-OAEP"}, jose.RS256, false},
		"verify":          {long, map[string]any{"key_ops": []string{"verify"}}, jose.RS256, true},
		"sign and verify": {long, map[string]any{"key_ops": []string{"sign", "verify"}}, jose.RS256, true},
		"no operation":    {long, map[string]any{"key_ops": []string{}}, jose.RS256, false},
		"encrypt":         {long, map[string]any{"key_ops": []string{"encrypt", "wrapKey"}}, jose.RS256, false},
		"VERIFY":          {long, map[string]any{"key_ops": []string{"VERIFY"}}, jose.RS256, false},
		"short":           {short, nil, jose.RS256, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newTestIssuer(t)
			key := maps.Clone(test.key)
			maps.Copy(key, test.change)
			i.set(func() { i.others = []any{key} })
			o := newTestOIDC(t, i, c, nil)
			signed := rsa
			if name == "short" {
				signed = weak
			}
			token := signWith(t, jose.SigningKey{Algorithm: test.by, Key: jose.JSONWebKey{Key: signed.key, KeyID: "r1"}}, i.claims(c, nil))
			if test.known {
				wantCaller(t, o, token, alice)
			} else {
				wantUnknown(t, o, token)
			}
		})
	}
}

// TestOIDCKeysOfOneName: of two keys with one name each verifies by its own algorithm only.
func TestOIDCKeysOfOneName(t *testing.T) {
	rsa, other, c := newRSA(t, "r1"), newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	o := newTestOIDC(t, i, c, nil)
	i.set(func() {
		i.others = []any{jose.JSONWebKey{Key: other.key.Public(), KeyID: "r1", Algorithm: "PS256", Use: "sig"}}
	})
	other.alg = jose.PS256
	wantCaller(t, o, rsa.sign(t, i.claims(c, nil)), alice)
	wantCaller(t, o, other.sign(t, i.claims(c, nil)), alice)
	rsa.alg, other.alg = other.alg, rsa.alg
	wantUnknown(t, o, rsa.sign(t, i.claims(c, nil)))
	wantUnknown(t, o, other.sign(t, i.claims(c, nil)))
}

// TestOIDCTellsWhatIsWrong: once a change, and nothing of the answer.
func TestOIDCTellsWhatIsWrong(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	document := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	for _, test := range []struct {
		discovery, keys http.HandlerFunc
		want            string
	}{
		{document("CANARY"), nil, "the discovery document cannot be read: the answer is none, or larger than 1 MiB"},
		{document(`{"issuer":"https://CANARY.example"}`), nil, "the discovery document cannot be read: it names another issuer than the setting, which must be the same to the letter"},
		{http.NotFound, nil, "the discovery document cannot be read: status 404"},
		{http.RedirectHandler("http://CANARY.example", http.StatusFound).ServeHTTP, nil, "the discovery document cannot be read: the URL is not https"},
		{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "the discovery document cannot be read: no answer"},
		{document(`{"Issuer":"` + "CANARY" + `"}{}`), nil, "the discovery document cannot be read: the answer is none, or larger than 1 MiB"},
		{nil, document(`{"Keys":[]}`), "the keys cannot be read: the answer is no JSON Web Key Set, or larger than 1 MiB"},
		{nil, http.NotFound, "the keys cannot be read: status 404"},
		{nil, document("CANARY"), "the keys cannot be read: the answer is no JSON Web Key Set, or larger than 1 MiB"},
		{nil, document(`{"CANARY":[]}`), "the keys cannot be read: the answer is no JSON Web Key Set, or larger than 1 MiB"},
		{nil, document(`{"keys":[]}` + strings.Repeat(" ", 1<<20)), "the keys cannot be read: the answer is no JSON Web Key Set, or larger than 1 MiB"},
		{nil, http.RedirectHandler("http://CANARY.example", http.StatusFound).ServeHTTP, "the keys cannot be read: the URL is not https"},
	} {
		mux := http.NewServeMux()
		srv := httptest.NewTLSServer(mux)
		t.Cleanup(srv.Close)
		if test.discovery == nil {
			test.discovery = document(`{"issuer":"` + srv.URL + `","jwks_uri":"` + srv.URL + `/keys"}`)
			mux.Handle("/keys", test.keys)
		}
		mux.Handle("/.well-known/openid-configuration", test.discovery)
		told := &reports{}
		o := newTestOIDC(t, &issuer{Server: srv}, c, func(cfg *identity.OIDCConfig) { cfg.Report = told.add })
		for range 3 {
			wantUnavailable(t, o, rsa.sign(t, (&issuer{Server: srv}).claims(c, nil)))
			c.add(time.Minute)
		}
		told.want(t, test.want)
	}
}

// TestOIDCNestedClaims: an issuer may give roles and names within other claims.
func TestOIDCNestedClaims(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	reader := map[string]any{"roles": []string{"reader"}}
	for _, test := range []struct {
		path   string
		claims map[string]any
		known  bool
	}{
		{"realm_access.roles", map[string]any{"realm_access": reader}, true},
		{"resource_access.vault.acme.com.roles", map[string]any{"resource_access": map[string]any{"vault.acme.com": reader}}, true},
		{"https://acme.com/roles", map[string]any{"https://acme.com/roles": "reader"}, true},
		{"https://acme.com/access.roles", map[string]any{"https://acme.com/access": reader}, true},
		{"realm_access.roles", map[string]any{"realm_access.roles": "reader", "realm_access": map[string]any{"roles": "auditor"}}, true},
		{"a.b.roles", map[string]any{"a": map[string]any{"c": 7}, "a.b": reader}, true},
		{"realm_access.roles", map[string]any{"realm_access": "reader"}, false},
		{"realm_access.roles", map[string]any{"realm_access": []any{reader}}, false},
		{"realm_access.roles", map[string]any{"roles": "reader"}, false},
		{"realm_access.roles", nil, false},
		{"realm_access.", map[string]any{"realm_access": reader}, false},
	} {
		o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) { cfg.RolesClaim = test.path })
		token := rsa.sign(t, i.claims(c, test.claims))
		if test.known {
			wantCaller(t, o, token, alice)
		} else {
			wantUnknown(t, o, token)
		}
	}
	o := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) { cfg.CallerClaim = "user.email" })
	wantCaller(t, o, rsa.sign(t, i.claims(c, map[string]any{"user": map[string]any{"email": "alice@example.com"}})), alice)
}

// TestOIDCClientID: an access token of Amazon Cognito has client_id in place of aud.
func TestOIDCClientID(t *testing.T) {
	rsa, c := newRSA(t, "r1"), newTestClock()
	i := newTestIssuer(t, rsa)
	plain := newTestOIDC(t, i, c, nil)
	asked := newTestOIDC(t, i, c, func(cfg *identity.OIDCConfig) { cfg.ClientIDAsAudience = true })
	cognito := rsa.sign(t, i.claims(c, map[string]any{"aud": nil, "client_id": "piinguin", "token_use": "access"}))
	wantUnknown(t, plain, cognito)
	wantCaller(t, asked, cognito, alice)
	wantCaller(t, asked, rsa.sign(t, i.claims(c, nil)), alice)
	for name, changes := range map[string]map[string]any{
		"other client":        {"aud": nil, "client_id": "other"},
		"list of clients":     {"aud": nil, "client_id": []string{"piinguin"}},
		"neither":             {"aud": nil},
		"aud of another":      {"aud": "other", "client_id": "piinguin"},
		"aud of nobody":       {"aud": []string{}, "client_id": "piinguin"},
		"aud is there, empty": {"aud": "", "client_id": "piinguin"},
	} {
		t.Run(name, func(t *testing.T) { wantUnknown(t, asked, rsa.sign(t, i.claims(c, changes))) })
	}
}

func TestNewOIDCRefuses(t *testing.T) {
	for name, cfg := range map[string]identity.OIDCConfig{
		"plain HTTP":      {Issuer: "http://issuer.example", Audience: "a", RolesClaim: "roles"},
		"no issuer":       {Audience: "a", RolesClaim: "roles"},
		"a password":      {Issuer: "https://u:CANARY@issuer.example", Audience: "a", RolesClaim: "roles"},
		"a query":         {Issuer: "https://issuer.example?CANARY", Audience: "a", RolesClaim: "roles"},
		"an empty query":  {Issuer: "https://issuer.example?", Audience: "a", RolesClaim: "roles"},
		"an empty anchor": {Issuer: "https://issuer.example#", Audience: "a", RolesClaim: "roles"},
		"no URL":          {Issuer: "https://CANARY%zz", Audience: "a", RolesClaim: "roles"},
		"no audience":     {Issuer: "https://issuer.example", RolesClaim: "roles"},
		"no roles":        {Issuer: "https://issuer.example", Audience: "a"},
		"only the claim":  {Issuer: "https://issuer.example", Audience: "a", CallerClaim: "email"},
	} {
		if _, err := identity.NewOIDC(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOIDC: whatever header and payload a token has, without the issuer's
// signature it is unknown and nothing panics; signed by it, a caller has a name
// that the ledger takes and roles.
func FuzzOIDC(f *testing.F) {
	rsa, c := newRSA(f, "r1"), newTestClock()
	i := newTestIssuer(f, rsa)
	o := newTestOIDC(f, i, c, func(cfg *identity.OIDCConfig) { cfg.RolesClaim = "roles" })
	good, err := json.Marshal(i.claims(c, map[string]any{"roles": "reader"}))
	if err != nil {
		f.Fatal(err)
	}
	_, _, signature := split(rsa.sign(f, i.claims(c, nil)))
	f.Add(`{"alg":"RS256","kid":"r1"}`, string(good))
	f.Add(`{"alg":"none"}`, `{"iss":"x","_claim_names":{"sub":"x"},"_claim_sources":{"x":{"endpoint":"https://x"}}}`)
	f.Add(`{"alg":"HS256","crit":["b64"],"b64":false,"jwk":{"kty":"oct","k":"AA"}}`, `{"aud":[[]],"exp":1e400}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		wantUnknown(t, o, encode(header)+"."+encode(payload)+"."+signature)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsa.key, KeyID: "r1"}}, nil)
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
		have, err := o.Authenticate(withToken(token))
		if err == nil && (have.Name == "" || len(have.Name) > 256 || len(have.Roles) == 0) {
			t.Errorf("%+v", have)
		}
	})
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func split(token string) (header, payload, signature string) {
	parts := strings.Split(token, ".")
	return parts[0], parts[1], parts[2]
}
