package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// identityRows measure what identity and policy do for one audited read, and nothing
// else, with a token and with a JWT. They are bound by the CPU as an audited read on SQLite
// is: one over the ratio is their share of it.
func identityRows(ctx context.Context) ([]row, func(), error) {
	issuer := httptest.NewTLSServer(nil)
	token, err := issue(issuer)
	if err != nil {
		return nil, issuer.Close, err
	}
	oidc, err := identity.NewOIDC(ctx, identity.OIDCConfig{
		Issuer: issuer.URL, Audience: "bench", RolesClaim: "roles", HTTPClient: issuer.Client(),
	})
	if err != nil {
		return nil, issuer.Close, err
	}
	return []row{
		identityRow("identity and policy, token", identity.DevTokens(), "dev-reader"),
		identityRow("identity and policy, JWT", oidc, token),
	}, issuer.Close, nil
}

func identityRow(name string, callers identity.Authenticator, token string) row {
	rules, from := policy.NewBuiltin(), netip.MustParseAddr("127.0.0.1")
	r := &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
	return row{name: name, base: "audited read, SQLite", once: func(ctx context.Context, _ int) error {
		c, err := callers.Authenticate(r.WithContext(ctx))
		if err != nil {
			return err
		}
		decide := rules.Current().Ask(policy.Request{
			Caller: c, Action: policy.ReadPiiRecord,
			Time: time.Now(), Network: from, Read: &policy.Read{Basis: "CONTRACT", Purpose: "bench"},
		})
		if !decide("").Allow || !decide("user_id").Allow { // as a read does
			return errors.New("the read is denied")
		}
		return nil
	}}
}

// issue makes the server an OpenID Connect issuer of one key (ES256), and returns a token of it.
func issue(s *httptest.Server) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "bench", Algorithm: string(jose.ES256), Use: "sig"}
	mux := http.NewServeMux()
	serve := func(path string, document any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(document) })
	}
	serve("/.well-known/openid-configuration", map[string]string{"issuer": s.URL, "jwks_uri": s.URL + "/keys"})
	serve("/keys", jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	s.Config.Handler = mux
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "bench"}}, nil)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(map[string]any{
		"iss": s.URL, "aud": "bench", "sub": "bench", "roles": []string{"reader"}, "exp": time.Now().Add(24 * time.Hour).Unix(),
	}).Serialize()
}
