package main_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// newTestIssuer is an OpenID Connect issuer, the file of its certificate, and what
// signs its tokens.
func newTestIssuer(t *testing.T) (issuer, certificate string, sign func(sub string, roles ...string) client.Token) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	srv := httptest.NewTLSServer(mux)
	t.Cleanup(srv.Close)
	answer := func(document any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(document) }
	}
	mux.HandleFunc("/.well-known/openid-configuration", answer(map[string]string{"issuer": srv.URL, "jwks_uri": srv.URL + "/keys"}))
	mux.HandleFunc("/keys", answer(map[string]any{"keys": []any{
		map[string]string{"kty": "OKP", "crv": "Ed448", "kid": "k0", "x": "AA"}, jose.JSONWebKey{Key: key.Public(), KeyID: "k1"},
	}}))
	certificate = filepath.Join(t.TempDir(), "issuer.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return srv.URL, certificate, func(sub string, roles ...string) client.Token {
		t.Helper()
		payload, err := json.Marshal(map[string]any{
			"iss": srv.URL, "aud": "piinguin", "sub": sub, "exp": time.Now().Add(time.Hour).Unix(),
			"realm_access": map[string]any{"roles": roles},
		})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return client.Token(token)
	}
}

// TestOIDCCallers: who an issuer vouches for is in the ledger by that name.
func TestOIDCCallers(t *testing.T) {
	issuer, certificate, sign := newTestIssuer(t)
	in := &install{dir: t.TempDir(), env: append(os.Environ(), "SSL_CERT_FILE="+certificate)}
	p := in.serve(t, "--oidc-issuer", issuer, "--oidc-audience", "piinguin", "--oidc-roles-claim", "realm_access.roles")
	as := func(token client.Token) *client.Client {
		c, err := client.New(client.Config{Host: p.address, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	read := func(token client.Token) twirp.ErrorCode {
		_, err := as(token).ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{
			ModifiedValue: "absent", ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONSENT, Purpose: "test",
		})
		var failure twirp.Error
		if !errors.As(err, &failure) {
			t.Fatalf("%v", err)
		}
		return failure.Code()
	}
	good := sign("alice@example.com", "reader")
	for _, test := range []struct {
		token client.Token
		want  twirp.ErrorCode
	}{
		{good, twirp.NotFound},
		{good[:len(good)-3], twirp.Unauthenticated},
		{sign("alice@example.com", "reader", "auditor"), twirp.Unauthenticated},
		{sign("bob@example.com", "writer"), twirp.PermissionDenied},
	} {
		if code := read(test.token); code != test.want {
			t.Errorf("%s, want %s", code, test.want)
		}
	}
	entries, err := as(sign("eve@example.com", "auditor")).ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	all := entries.String()
	for _, name := range []string{"alice@example.com", "bob@example.com", "oidc"} {
		if !strings.Contains(all, name) {
			t.Errorf("%s is not in the ledger:\n%s", name, all)
		}
	}
	p.stop(t)
	if strings.Contains(in.log(), string(good[:40])) {
		t.Error("the log holds a token")
	}
	if !strings.Contains(in.log(), "1 of 2 keys cannot be used") || !strings.Contains(in.log(), issuer) {
		t.Error("the log does not say which issuer has a key that cannot be used")
	}
}

func TestServeStartsWithoutTheIssuer(t *testing.T) {
	issuer, _, _ := newTestIssuer(t)
	in := &install{dir: t.TempDir(), env: os.Environ()} // without its certificate nothing of it is believed
	p := in.serve(t, "--oidc-issuer", issuer, "--oidc-audience", "piinguin", "--oidc-roles-claim", "roles")
	p.stop(t)
	if !strings.Contains(in.log(), "discovery document cannot be read") {
		t.Errorf("it says nothing of the issuer: %s", in.log())
	}
}

func TestServeRefusesCallersFlags(t *testing.T) {
	in := &install{dir: t.TempDir(), env: os.Environ()}
	for _, test := range []struct{ args, want string }{
		{"", "no default credential"},
		{"--oidc-issuer https://issuer.example", "go together"},
		{"--oidc-audience a", "go together"},
		{"--oidc-roles-claim roles", "needs --oidc-issuer"},
		{"--oidc-issuer http://issuer.example --oidc-audience a --oidc-roles-claim r", "not an https URL"},
		{"--oidc-issuer https://issuer.example --oidc-audience a", "--callers is required"},
		{"--oidc-client-id-as-audience", "needs --oidc-issuer"},
		{"--iam-sts-endpoint https://sts.example", "needs --iam-audience"},
		{"--iam-audience a", "--callers is required"},
		{"--callers f --tokens t", "--callers needs"},
		{"--dev --iam-audience a", "--dev uses plain HTTP"},
	} {
		args := append([]string{"serve", "--listen", "127.0.0.1:0"}, strings.Fields(test.args)...)
		if code, _, stderr := in.run(t, "piinguin", args...); code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit %d, %s", test.args, code, stderr)
		}
	}
}
