package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
)

// keepName returns the name of the ledger in the store. A new ledger gets the configured name, or one
// that no other has.
func keepName(ctx context.Context, c Config) (string, error) {
	text, err := c.Store.VerifierKey(ctx)
	if errors.Is(err, ErrNotFound) {
		name := c.Name
		if name == "" {
			if name, err = NewName(rand.Reader); err != nil {
				return "", err
			}
		}
		text, err = c.Store.KeepVerifierKey(ctx, c.Key.Verifier().Text(name))
	}
	var row *RowError
	switch {
	case errors.As(err, &row), errors.Is(err, ErrFormat):
		return "", err
	case err != nil:
		return "", fmt.Errorf("audit: keep verifier key: %w", err)
	}
	name, err := nameNow(ctx, c.Store, KeyName(text))
	switch {
	case err != nil:
		return "", err
	case !ValidName(name):
		return "", &RowError{KeyRow, "it holds no name and key of a ledger"}
	case c.Name != "" && c.Name != name:
		return "", ErrOtherName
	}
	return name, nil
}

// nameNow returns the name under which a ledger goes on: the one of its spine's newest entry, or the
// stored one before the spine has any.
func nameNow(ctx context.Context, s PageReader, stored string) (string, error) {
	last, err := lastPage(ctx, s, Spine)
	if errors.Is(err, ErrNotFound) {
		return stored, nil
	}
	if err != nil {
		return "", fmt.Errorf("audit: read the spine: %w", err)
	}
	entries, err := last.Entries()
	if err != nil || len(entries) == 0 {
		return stored, err
	}
	return entries[len(entries)-1].Ledger, nil
}

func (l *Ledger) newAppender(log LogID) *appender {
	a := newAppender(l.store, identity{l.name, l.config.Key}, log, l.config.Now)
	a.commitFor, a.halted = l.config.AppendTimeout, &l.halted
	return a
}

// openSpine opens the spine. If its end is not signed by the configured key, the keys that its KEY
// entries name tell whether it was ever the ledger's.
func (l *Ledger) openSpine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	err := l.spine.open(ctx, false)
	l.spine.tell()
	own := l.config.Key.Verifier()
	var row *RowError
	if err != nil && !errors.As(err, &row) || err == nil && l.spine.head.key.Equal(own) {
		return err
	}
	turns, turnsErr := storedTurns(ctx, l.store)
	if turnsErr != nil {
		return cmp.Or(err, turnsErr)
	}
	switch {
	case own.Equal(turns.key()):
		return err
	case slices.ContainsFunc(turns.keys, own.Equal):
		return ErrRotated
	default:
		return ErrOtherKey
	}
}

// openWriter opens a log for writing, and returns when the spine lists it.
func (l *Ledger) openWriter(ctx context.Context, log LogID) (*writer, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	w := &writer{appender: l.newAppender(log), log: log, derive: l.derived.add, wake: make(chan struct{}, 1)}
	listed, there := l.spine.at().spine.tree(log)
	if err := w.open(ctx, there); err != nil {
		return nil, err
	}
	if w.head.size < listed.N {
		return nil, &RowError{EntryRow(log, w.head.size), "missing: the spine lists more of the log"}
	}
	if !there {
		if err := l.register(ctx, w); err != nil {
			return nil, err
		}
	}
	l.derived.watch(log)
	return w, nil
}

// register puts a log's OPEN into the spine. A log with more than that, which the spine does not
// list, has lost its place there.
func (l *Ledger) register(ctx context.Context, w *writer) error {
	if w.head.size == 1 {
		return l.checkpoint(ctx, LogTree{w.log, w.head.tree()})
	}
	if err := l.spine.update(ctx); err != nil {
		return err
	}
	if _, there := l.spine.at().spine.tree(w.log); !there {
		return &RowError{PageRow(w.log, 1), "the log has entries, though the spine does not list it"}
	}
	return nil
}
