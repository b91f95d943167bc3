package identity

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// guessers is how many addresses are remembered: those that failed last.
const guessers = 16384

// addressLimit counts failures by address. What is under way at once counts when it has failed.
type addressLimit struct {
	mu sync.Mutex
	// The address that has not been asked for longest makes room: whoever keeps guessing is
	// remembered, however many others guess.
	failed *simplelru.LRU[netip.Prefix, *rate.Limiter]
}

func newAddressLimit() *addressLimit {
	return &addressLimit{failed: newCache[netip.Prefix, *rate.Limiter](guessers)}
}

// wait returns how long an address has to wait before it may fail again; 0 if it may now.
func (l *addressLimit) wait(from netip.Prefix, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, known := l.failed.Get(from)
	if !known {
		return 0
	}
	return waitFor(limiter, now)
}

// fail counts a failure. It returns 0, or if the address is over its limit what wait returns.
func (l *addressLimit) fail(from netip.Prefix, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, known := l.failed.Get(from)
	if !known {
		limiter = rate.NewLimiter(rate.Every(guessEvery), guesses)
		l.failed.Add(from, limiter)
	}
	wait := waitFor(limiter, now)
	if wait == 0 {
		limiter.AllowN(now, 1)
	}
	return wait
}

// waitFor returns how long it takes until a limiter has one token. It takes none.
func waitFor(limiter *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - limiter.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing * float64(guessEvery))
}
