package identity

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// answers keeps names by the hash of a token, at most keptTokens.
type answers struct {
	mu   sync.Mutex
	kept *simplelru.LRU[[sha256.Size]byte, answer]
}

type answer struct {
	name  string
	until time.Time
}

func newAnswers() *answers {
	return &answers{kept: newCache[[sha256.Size]byte, answer](keptTokens)}
}

func (a *answers) get(token [sha256.Size]byte, now time.Time) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.kept.Get(token)
	return found.name, ok && now.Before(found.until)
}

// put keeps a name. A full cache first drops the names whose time has ended, and only if there
// are none the one that was used longest ago. Dropping one costs a question to STS, no more.
func (a *answers) put(token [sha256.Size]byte, name string, until, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept.Len() >= keptTokens {
		for _, t := range a.kept.Keys() {
			if old, _ := a.kept.Peek(t); !now.Before(old.until) {
				a.kept.Remove(t)
			}
		}
	}
	a.kept.Add(token, answer{name, until})
}

// newCache returns a cache of at most size items, which drops the one used longest ago.
func newCache[K comparable, V any](size int) *simplelru.LRU[K, V] {
	cache, _ := simplelru.NewLRU[K, V](size, nil) // it refuses only a size below 1
	return cache
}
