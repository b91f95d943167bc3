// Package identity says who is calling. Each kind of credential has an
// Authenticator in a file of its own; First asks several in turn.
package identity

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/piinguin/piinguin/server/policy"
)

// ErrUnknown says that a request proves nobody. It never says more: neither what was
// wrong with a credential nor whether there was one.
var ErrUnknown = errors.New("identity: unknown credential")

// Caller is an authenticated caller.
type Caller struct {
	Name           string // as the ledger records it
	Authentication string // how the name was proven: "token", "mtls", "oidc" or "iam"
	Roles          []policy.Role
}

// Authenticator proves the caller of a request by one kind of credential.
type Authenticator interface {
	// Authenticate returns the caller, or ErrUnknown if the request proves nobody by
	// this kind of credential. It may wait for another server until the request's context ends.
	Authenticate(r *http.Request) (Caller, error)
}

// First returns an Authenticator that asks each in turn; the first that knows the
// caller decides.
func First(authenticators ...Authenticator) Authenticator { return first(authenticators) }

type first []Authenticator

// Authenticate implements Authenticator.
func (f first) Authenticate(r *http.Request) (Caller, error) {
	for _, a := range f {
		if c, err := a.Authenticate(r); err == nil {
			return c, nil
		}
	}
	return Caller{}, ErrUnknown
}

// namePattern is what a caller's name may be where a file gives it.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._:/+=-]{0,255}$`)

var errName = errors.New("the name has other characters than letters, digits and @ . _ : / + = - or is longer than 256")

// bearer returns the request's bearer token (RFC 6750 section 2.1), or "".
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
