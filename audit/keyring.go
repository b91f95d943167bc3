package audit

import (
	"context"
	"errors"
	"sync"
)

// keyring is the names and keys that a ledger has had, as far as they were needed: the spine is read for
// them only when something is signed by none of those that are known.
type keyring struct {
	reader Reader
	mu     sync.Mutex
	known  turning // replaced, never changed
}

// with calls f with what is known. If f then returns an error, it calls f again with what the spine says
// now.
func (k *keyring) with(ctx context.Context, f func(turning) error) error {
	known, err := k.now(ctx)
	if err != nil {
		return err
	}
	failed := f(known)
	if failed == nil || errors.Is(failed, errFormer) { // of which more keys would say the same
		return failed
	}
	turns, err := storedTurns(ctx, k.reader)
	if err != nil {
		return err
	}
	if len(turns.keys) == len(known.keys) && len(turns.names) == len(known.names) {
		return failed
	}
	k.mu.Lock()
	k.known = turns
	k.mu.Unlock()
	return f(turns)
}

// now returns what is known, and of a keyring that knows nothing what the store's first row says.
func (k *keyring) now(ctx context.Context) (turning, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known.keys) > 0 {
		return k.known, nil
	}
	text, err := k.reader.VerifierKey(ctx)
	if err != nil {
		return turning{}, err
	}
	key, err := ParseVerifierKey(text)
	if err != nil {
		return turning{}, &RowError{KeyRow, "it holds no name and key of a ledger"}
	}
	k.known = turning{[]string{KeyName(text)}, []VerifierKey{key}}
	return k.known, nil
}
