package identity

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/piinguin/piinguin/server/policy"
)

const (
	guesses    = 10 // from one address, if none is forgotten yet
	guessEvery = 6 * time.Second
)

// TooManyError says that a request proves nobody, and that too many wrong credentials came from
// its address. It says nothing else of the credential. It wraps ErrUnknown.
type TooManyError struct {
	RetryAfter time.Duration // until the address may try again; positive
	err        error         // a Cause, or nil
}

// Error implements error.
func (e *TooManyError) Error() string {
	return "identity: too many wrong credentials from one address"
}

// Unwrap returns ErrUnknown or a Cause.
func (e *TooManyError) Unwrap() error { return cmp.Or(e.err, ErrUnknown) }

// Guesses counts wrong credentials by address: 10, and one each 6 seconds after. A right one between does not
// change the count. IPv6
// addresses count by their /64, which is what one guest of a network has. Wrong is a request that
// has an Authorization header and proves nobody, even if its sender hangs up. ErrUnavailable is not
// counted.
//
// Loopback addresses are not counted: behind one is a proxy with everybody's requests. A server
// behind a proxy on another machine has a nil Guesses, which counts nothing. It is safe for
// concurrent use.
type Guesses struct {
	now   func() time.Time
	wrong *addressLimit // credentials
	asked *addressLimit // questions to another server that it did not confirm
}

// NewGuesses returns a Guesses that has counted nothing. A nil now means time.Now.
func NewGuesses(now func() time.Time) *Guesses {
	if now == nil {
		now = time.Now
	}
	return &Guesses{now, newAddressLimit(), newAddressLimit()}
}

// Limit returns an Authenticator that asks next about every request, so a right credential passes
// whatever else came from its address. Wrong ones beyond the limit get a *TooManyError.
func (g *Guesses) Limit(next Authenticator) Authenticator {
	if g == nil {
		return next
	}
	return &guessLimit{g, next}
}

type guessLimit struct {
	guesses *Guesses
	next    Authenticator
}

// Authenticate implements Authenticator.
func (l *guessLimit) Authenticate(r *http.Request) (policy.Caller, error) {
	caller, err := l.next.Authenticate(r)
	if err == nil {
		return caller, nil
	}
	from, counts := sender(r)
	if tooMany := (*TooManyError)(nil); !counts || errors.As(err, &tooMany) || errors.Is(err, ErrUnavailable) {
		return policy.Caller{}, err
	}
	if wait := l.guesses.wrong.fail(from, l.guesses.now()); wait > 0 {
		return policy.Caller{}, &TooManyError{wait, err}
	}
	return policy.Caller{}, err
}

// mayAsk returns nil if another server may be asked about a request's credential, and else a
// *TooManyError: the request's address has made this server ask in vain too often.
func (g *Guesses) mayAsk(r *http.Request) error {
	if g == nil {
		return nil
	}
	from, counts := sender(r)
	if !counts {
		return nil
	}
	if wait := g.asked.wait(from, g.now()); wait > 0 {
		return &TooManyError{wait, nil}
	}
	return nil
}

// askedInVain counts a question that was not confirmed.
func (g *Guesses) askedInVain(r *http.Request) {
	if g == nil {
		return
	}
	if from, counts := sender(r); counts {
		g.asked.fail(from, g.now())
	}
}

// sender returns the address that a wrong credential counts against, and whether it counts.
func sender(r *http.Request) (netip.Prefix, bool) {
	if r.Header.Get("Authorization") == "" { // a client certificate was proven before
		return netip.Prefix{}, false
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}, true // addresses that cannot be read count as one
	}
	address := from.Addr().Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	return prefix, err != nil || !address.IsLoopback()
}
