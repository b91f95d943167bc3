package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/singleflight"

	"github.com/piinguin/piinguin/server/policy"
)

const (
	issuerTimeout = 5 * time.Second // of one call to the issuer
	issuerAnswer  = 1 << 20         // bytes of one answer
	// A key that is not known makes go-oidc ask the issuer, and anybody can name one:
	// in a row keyFetches may, then one a keyFetchEvery.
	keyFetches    = 5
	keyFetchEvery = 2 * time.Second
	// While the issuer cannot be found it is asked again after firstWait, twice that
	// and so on, at most lastWait.
	firstWait = time.Second
	lastWait  = time.Minute
)

// OIDCConfig says whose tokens an OIDC takes, and what it reads from them.
type OIDCConfig struct {
	// Issuer is an https URL, exactly as the tokens' iss says it.
	Issuer string
	// Audience is one that aud must hold: the name of this server at the issuer.
	Audience string
	// ClientIDAsAudience takes the claim client_id for the audience of a token without aud, as
	// Amazon Cognito's access tokens are.
	ClientIDAsAudience bool
	// CallerClaim names the claim that is the caller's name, a string of 1 to 256
	// bytes without control characters. Empty means sub. It may be the path of a nested claim,
	// with dots between the names; a claim whose whole name that is counts first.
	CallerClaim string
	// RolesClaim names the claim that gives roles, as CallerClaim does: a list of names, or one
	// string with spaces between them. Other names than those of roles are passed over.
	// If it is set, Roles is not asked.
	RolesClaim string
	// Given returns the roles that a name has by other methods; nil means none. A caller whom
	// RolesClaim would make reader and auditor together with these is unknown.
	Given func(name string) []string
	// Roles returns what a caller may do. Required without RolesClaim.
	Roles func(name string) ([]policy.Role, bool)
	// HTTPClient's transport reaches the issuer; nil means http.DefaultTransport.
	HTTPClient *http.Client
	// Report is told once of each change of what is wrong with the issuer, and nil if nothing is
	// any longer. Texts are fixed: nothing of an answer or a token is in them. It may be nil.
	Report func(problem error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// OIDC knows the JWTs of one OpenID Connect issuer (RFC 7519, OpenID Connect
// Core 1.0 section 3.1.3.7) by their signature, iss, aud, exp and nbf; nbf may be
// five minutes ahead.
type OIDC struct {
	cfg         OIDCConfig
	client      *http.Client // for the discovery document
	health      *health      // of the discovery document
	discovering singleflight.Group

	mu       sync.Mutex
	verifier *verifier // nil until the issuer was found
	next     time.Time // when to look for the issuer again
	waits    backoff.BackOff
}

// NewOIDC returns an OIDC, which looks for the issuer's keys at once and, while
// the issuer cannot be reached, again later when tokens come. Until then the answer to its tokens
// is ErrUnavailable.
//
// Errors: of a Config that could never work.
func NewOIDC(ctx context.Context, cfg OIDCConfig) (*OIDC, error) {
	u, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(cfg.Issuer, "?#"):
		return nil, errors.New("identity: the OIDC issuer is not an https URL without user, query and fragment")
	case cfg.Audience == "":
		return nil, errors.New("identity: the OIDC audience is missing: a token for any other service would do")
	case cfg.RolesClaim == "" && cfg.Roles == nil:
		return nil, errors.New("identity: nothing gives roles to OIDC callers: neither a claim nor a file of callers")
	}
	if cfg.CallerClaim == "" {
		cfg.CallerClaim = "sub"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	o := &OIDC{
		cfg: cfg, client: newOutbound(cfg.HTTPClient, issuerAnswer, issuerTimeout), health: &health{report: cfg.Report}, waits: newWaits(),
	}
	_ = o.found(ctx)
	return o, nil
}

// Authenticate implements Authenticator.
func (o *OIDC) Authenticate(r *http.Request) (policy.Caller, error) {
	token, err := bearer(r)
	switch {
	case err != nil:
		return policy.Caller{}, err
	case !isJWT(token):
		return policy.Caller{}, UnknownToken
	}
	v := o.found(r.Context())
	switch {
	case v == nil && r.Context().Err() != nil:
		return policy.Caller{}, CallerGone
	case v == nil && o.isClaimed(token):
		return policy.Caller{}, ErrUnavailable
	case v == nil:
		return policy.Caller{}, UnknownIssuer
	}
	payload, err := v.verify(r.Context(), token)
	switch {
	case err != nil && r.Context().Err() != nil:
		return policy.Caller{}, CallerGone
	case err != nil && !errors.Is(err, MalformedToken) && !o.isClaimed(token):
		return policy.Caller{}, UnknownIssuer
	case err != nil:
		return policy.Caller{}, err
	}
	c, err := parseClaims(payload)
	switch {
	case err != nil:
		return policy.Caller{}, MalformedToken
	case c.text("iss") != o.cfg.Issuer:
		return policy.Caller{}, UnknownIssuer
	case !o.meant(c):
		return policy.Caller{}, WrongAudience
	}
	if err := c.inTime(o.cfg.Now()); err != nil {
		return policy.Caller{}, err
	}
	return o.caller(c)
}

// isJWT reports whether a token has the form of a JWT in compact serialisation
// (RFC 7515 section 3.1): three parts in base64url.
func isJWT(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	for _, part := range parts {
		if decoded, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || len(decoded) == 0 {
			return false
		}
	}
	return true
}

// isClaimed reports whether a JWT says that it comes from the issuer, which proves nothing.
func (o *OIDC) isClaimed(token string) bool {
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1]) // isJWT has decoded it
	c, err := parseClaims(payload)
	return err == nil && c.text("iss") == o.cfg.Issuer
}

// found returns what verifies by the issuer's keys, or nil while the issuer cannot be found.
func (o *OIDC) found(ctx context.Context) *verifier {
	o.mu.Lock()
	v, early := o.verifier, o.cfg.Now().Before(o.next)
	o.mu.Unlock()
	if v != nil || early {
		return v
	}
	// All who wait share one attempt, which goes on if one of them goes away.
	found := o.discovering.DoChan("", func() (any, error) {
		o.discover(context.WithoutCancel(ctx))
		return nil, nil
	})
	select {
	case <-ctx.Done():
		return nil
	case <-found:
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.verifier
	}
}

func newWaits() backoff.BackOff {
	return &backoff.ExponentialBackOff{InitialInterval: firstWait, Multiplier: 2, MaxInterval: lastWait}
}

// discover looks for the issuer's keys, and says when to do so again if that fails.
func (o *OIDC) discover(ctx context.Context) {
	where, err := readDiscovery(ctx, o.client, o.cfg.Issuer)
	o.health.tell(err)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.next = o.cfg.Now().Add(o.waits.NextBackOff())
		return
	}
	o.verifier = newVerifier(ctx, where, o.cfg)
}
