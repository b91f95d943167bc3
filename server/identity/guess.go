package identity

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/piinguin/piinguin/server/policy"
)

const (
	guesses    = 10 // in a row from one address
	guessEvery = 6 * time.Second
	// guessers is how many addresses are remembered: those that failed last.
	guessers = 16384
)

// LimitGuesses returns an Authenticator that asks next, unless so many credentials
// from the request's address have failed that it would be guessing: 10 in a row and
// one each 6 seconds after. IPv6 addresses count by their /64, which is what one guest
// of a network has. Requests that are under way at once count when they have failed.
//
// Success never counts, and neither does a request without an Authorization header:
// a client certificate was proven before. Loopback addresses are not limited: behind
// one is a proxy with everybody's requests, and one guesser would lock all of them out.
// A nil now means time.Now.
func LimitGuesses(next Authenticator, now func() time.Time) Authenticator {
	if now == nil {
		now = time.Now
	}
	return &guessLimit{next: next, now: now, failed: newCache[netip.Prefix, *rate.Limiter](guessers)}
}

type guessLimit struct {
	next Authenticator
	now  func() time.Time

	mu sync.Mutex
	// The address that has not been asked for longest makes room: whoever keeps guessing is
	// remembered, however many others guess.
	failed *simplelru.LRU[netip.Prefix, *rate.Limiter]
}

// Authenticate implements Authenticator.
func (g *guessLimit) Authenticate(r *http.Request) (policy.Caller, error) {
	from, counts := addressOf(r)
	if !counts {
		return g.next.Authenticate(r)
	}
	if g.exceeded(from) {
		return policy.Caller{}, ErrUnknown
	}
	caller, err := g.next.Authenticate(r)
	if err != nil { // a caller who hung up counts too: hanging up must not make guesses free
		g.fail(from)
	}
	return caller, err
}

// addressOf returns the address that a failure counts against, and whether it counts.
func addressOf(r *http.Request) (netip.Prefix, bool) {
	if r.Header.Get("Authorization") == "" {
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

func (g *guessLimit) exceeded(from netip.Prefix) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	limiter, known := g.failed.Get(from)
	return known && limiter.TokensAt(g.now()) < 1
}

func (g *guessLimit) fail(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	limiter, known := g.failed.Get(from)
	if !known {
		limiter = rate.NewLimiter(rate.Every(guessEvery), guesses)
		g.failed.Add(from, limiter)
	}
	limiter.AllowN(g.now(), 1)
}
