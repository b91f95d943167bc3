package identity

import (
	"crypto/sha256"
	"sync"
	"time"
)

// answers keeps names by the hash of a token, at most keptTokens. The zero answers
// is empty.
type answers struct {
	mu   sync.Mutex
	kept map[[sha256.Size]byte]answer
}

type answer struct {
	name  string
	until time.Time
}

func (a *answers) get(token [sha256.Size]byte, now time.Time) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.kept[token]
	return found.name, ok && now.Before(found.until)
}

// put keeps a name. If there is no place, first what has ended goes and then any
// one: it costs a question, no more.
func (a *answers) put(token [sha256.Size]byte, name string, until, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept == nil {
		a.kept = map[[sha256.Size]byte]answer{}
	}
	if len(a.kept) >= keptTokens {
		for t, old := range a.kept {
			if !now.Before(old.until) {
				delete(a.kept, t)
			}
		}
	}
	for t := range a.kept {
		if len(a.kept) < keptTokens {
			break
		}
		delete(a.kept, t)
	}
	a.kept[token] = answer{name, until}
}
