package identity

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	guesses    = 10 // in a row from one address
	guessEvery = 6 * time.Second
	// guessers is how many addresses a generation remembers; there are two.
	guessers = 8192
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
	return &guessLimit{next: next, now: now, young: map[netip.Prefix]*rate.Limiter{}}
}

type guessLimit struct {
	next Authenticator
	now  func() time.Time

	mu sync.Mutex
	// When young is full it becomes old, and old is forgotten: whoever keeps failing
	// is remembered, and what is remembered is bounded.
	young, old map[netip.Prefix]*rate.Limiter
}

// Authenticate implements Authenticator.
func (g *guessLimit) Authenticate(r *http.Request) (Caller, error) {
	from, counts := addressOf(r)
	if !counts {
		return g.next.Authenticate(r)
	}
	if g.exceeded(from) {
		return Caller{}, ErrUnknown
	}
	caller, err := g.next.Authenticate(r)
	if err != nil { // also of who hung up, or hanging up would make guesses free
		g.failed(from)
	}
	return caller, err
}

// addressOf returns whom a failure counts against, and whether it counts.
func addressOf(r *http.Request) (netip.Prefix, bool) {
	if r.Header.Get("Authorization") == "" {
		return netip.Prefix{}, false
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}, true // all of these are one
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
	limiter := g.find(from)
	return limiter != nil && limiter.TokensAt(g.now()) < 1
}

func (g *guessLimit) failed(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	limiter := g.find(from)
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Every(guessEvery), guesses)
		g.keep(from, limiter)
	}
	limiter.AllowN(g.now(), 1)
}

// find returns the address's limiter, or nil if none of it failed lately.
func (g *guessLimit) find(from netip.Prefix) *rate.Limiter {
	if limiter := g.young[from]; limiter != nil {
		return limiter
	}
	limiter := g.old[from]
	if limiter != nil {
		g.keep(from, limiter)
	}
	return limiter
}

func (g *guessLimit) keep(from netip.Prefix, limiter *rate.Limiter) {
	if len(g.young) >= guessers {
		g.young, g.old = map[netip.Prefix]*rate.Limiter{}, g.young
	}
	g.young[from] = limiter
}
