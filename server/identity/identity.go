// Package identity says who is calling.
//
// Each kind of credential has an Authenticator: bearer tokens of a file, client
// certificates, OpenID Connect and AWS IAM. First asks several in turn:
//
//	callers := identity.First(tokens, mtls)
//	caller, err := identity.NewGuesses(nil).Limit(callers).Authenticate(r) // ErrUnknown: nobody
//
// It promises: a name is returned only if the request proves it at this moment, so whoever
// is taken out of a file is unknown at the next request; an error says what was wrong by a Cause alone, and nothing of what was sent;
// a right credential always passes, whatever others have guessed.
//
// It does not decide what a caller may do, which package policy does, and it keeps no record
// of those it does not know.
package identity

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/piinguin/piinguin/server/policy"
)

// ErrUnknown says that a request proves nobody. Callers are told no more. A Cause wraps it.
var ErrUnknown = errors.New("identity: unknown credential")

// ErrUnavailable says that it is not known whom a request proves, because the server that vouches for
// its credential gave no answer. It says nothing of the credential, which is no wrong one.
var ErrUnavailable = errors.New("identity: who vouches for the credential gave no answer")

// Authenticator proves the caller of a request by one kind of credential.
type Authenticator interface {
	// Authenticate returns the caller, or ErrUnknown if the request proves nobody by this
	// kind of credential, or a *TooManyError if it proves nobody and its address has sent too
	// many wrong credentials, or ErrUnavailable if it could not find out. It may ask another server, until the request's context ends. It
	// is safe for concurrent use.
	Authenticate(r *http.Request) (policy.Caller, error)
}

// First returns an Authenticator that asks each in turn. The first one that knows the caller
// decides. If none does, the answer is what the one says that knows most of the credential.
func First(authenticators ...Authenticator) Authenticator { return first(authenticators) }

type first []Authenticator

// Authenticate implements Authenticator.
func (f first) Authenticate(r *http.Request) (policy.Caller, error) {
	failure := ErrUnknown
	for _, a := range f {
		c, err := a.Authenticate(r)
		if err == nil {
			return c, nil
		}
		if rank(err) > rank(failure) {
			failure = err
		}
	}
	return policy.Caller{}, failure
}

// namePattern is what a name in a file of tokens or callers may be.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._:/+=-]{0,255}$`)

var errName = errors.New("the name has other characters than letters, digits and @ . _ : / + = - or is longer than 256")

// bearer returns the request's bearer token (RFC 6750 section 2.1), which is not empty, or a Cause. Of
// two headers none counts: what stands before the server may have checked the other one.
func bearer(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	switch {
	case len(r.Header["Authorization"]) > 1:
		return "", TwoHeaders
	case scheme == "":
		return "", NoCredential
	case !strings.EqualFold(scheme, "Bearer"):
		return "", NotBearer
	case token == "":
		return "", NoCredential
	}
	return token, nil
}
