package identity

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"
)

// signatures are the algorithms that a token may be signed by, whatever the issuer
// lists: those of two keys. With a shared key, as for HS256, whoever verifies could sign.
var signatures = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// verifier checks the signatures of tokens.
type verifier struct {
	keys   *usableKeys
	remote oidc.KeySet
	config oidc.Config
}

// newVerifier returns a verifier by the keys that an issuer publishes at a URL. It reads the keys when
// tokens come, no more often than keyFetches and keyFetchEvery say.
func newVerifier(ctx context.Context, where string, cfg OIDCConfig) *verifier {
	client := newOutbound(cfg.HTTPClient, issuerAnswer, issuerTimeout)
	keys := &usableKeys{next: client.Transport, health: &health{report: cfg.Report}}
	client.Transport = &seldom{next: keys, limit: rate.NewLimiter(rate.Every(keyFetchEvery), keyFetches), now: cfg.Now}
	// What the token says is checked by its exact names, see claims.
	config := oidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SkipIssuerCheck: true}
	for _, alg := range signatures {
		config.SupportedSigningAlgs = append(config.SupportedSigningAlgs, string(alg))
	}
	return &verifier{keys, oidc.NewRemoteKeySet(oidc.ClientContext(ctx, client), where), config}
}

// verify returns the payload of a token that one of the issuer's keys has signed, or ErrUnavailable if
// the issuer did not answer, or a Cause: errors of go-oidc and of its libraries quote tokens and answers.
func (v *verifier) verify(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, signatures)
	if err != nil {
		return nil, BadSignature
	}
	asked := &askedKeys{KeySet: v.remote}
	verified, err := oidc.NewVerifier("", asked, &v.config).Verify(ctx, token)
	switch {
	case err != nil && asked.unanswered:
		return nil, ErrUnavailable
	case err != nil && !asked.failed:
		return nil, MalformedToken // go-oidc reads some claims too
	case err != nil || !v.keys.permit(signed):
		return nil, BadSignature
	}
	var payload json.RawMessage
	if verified.Claims(&payload) != nil {
		return nil, MalformedToken
	}
	return payload, nil
}

// askedKeys notes whether a signature could not be verified, and whether that is because the
// issuer did not answer. The error of oidc.IDTokenVerifier does not say so.
type askedKeys struct {
	oidc.KeySet
	failed, unanswered bool
}

// VerifySignature implements oidc.KeySet.
func (k *askedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	call := (*url.Error)(nil) // of the HTTP client alone
	// Whoever names keys that do not exist makes the issuer be asked too often. That is a guess.
	k.failed, k.unanswered = err != nil, errors.As(err, &call) && !errors.Is(err, errSeldom)
	return payload, err
}

// seldom lets no more requests through than limit allows.
type seldom struct {
	next  http.RoundTripper
	limit *rate.Limiter
	now   func() time.Time
}

var errSeldom = errors.New("identity: the issuer was asked too often")

// RoundTrip implements http.RoundTripper.
func (s *seldom) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.limit.AllowN(s.now(), 1) {
		return nil, errSeldom
	}
	return s.next.RoundTrip(r)
}
