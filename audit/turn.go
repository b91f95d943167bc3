package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// turn changes the name or the key of a ledger: an entry in the spine, and then one in every log that
// the spine lists, says what holds from there on. A turn that was interrupted is completed by the same
// turn again.
type turn struct {
	store  Backend
	now    func() time.Time
	before identity
	after  identity
	had    turning // what the spine says until now
	entry  func(h head) Entry
}

// identity is what a ledger has at one time.
type identity struct {
	name string
	key  Key
}

// run turns the spine and then the logs. One that is not whole is left as it is, and is in the error: the others
// must not stay under a key that somebody else may have.
//
// It looks at all logs before it begins with the spine. A turn upon one that was interrupted would leave logs
// that neither of the two can complete.
func (t turn) run(ctx context.Context) error {
	_, turned, err := t.end(ctx, Spine)
	if err != nil {
		return fmt.Errorf("audit: the spine: %w", err)
	}
	if !turned {
		if err := t.ready(ctx); err != nil {
			return err
		}
		if err := t.one(ctx, Spine); err != nil {
			return fmt.Errorf("audit: the spine: %w", err)
		}
	}
	logs, err := Logs(ctx, t.store)
	if err != nil {
		return err
	}
	var errs []error
	for _, log := range logs[1:] {
		err := t.one(ctx, log)
		if err != nil {
			errs = append(errs, fmt.Errorf("audit: log %s: %w", log, err))
		}
		var row *RowError
		if err != nil && !errors.As(err, &row) {
			break // the store fails, or the caller has given up
		}
	}
	return errors.Join(errs...)
}

// ready returns an error if a turn of before was interrupted.
func (t turn) ready(ctx context.Context) error {
	logs, err := Logs(ctx, t.store)
	if err != nil {
		return err
	}
	for _, log := range logs[1:] {
		_, _, err := t.end(ctx, log)
		if err == nil {
			continue
		}
		var row *RowError
		if !errors.As(err, &row) {
			return err
		}
		if t.left(ctx, log) {
			return fmt.Errorf("audit: log %s is still under an older key or name: first complete the rotation or restart that was interrupted, by the same command again", log)
		}
	}
	return nil
}

// left reports whether a log goes on under a name and a key that the ledger had before those that the turn begins
// from.
func (t turn) left(ctx context.Context, log LogID) bool {
	for _, name := range t.had.names {
		for _, key := range t.had.keys {
			h, err := logEnd(ctx, t.store, log, name, key)
			if err == nil && h.number > 0 {
				return true
			}
		}
	}
	return false
}

// end returns an appender at the end of a log, and whether the log is turned already.
func (t turn) end(ctx context.Context, log LogID) (a *appender, turned bool, err error) {
	a = newAppender(t.store, t.after, log, t.now)
	if a.resume(ctx) == nil && a.head.number > 0 {
		return a, true, nil
	}
	a = newAppender(t.store, t.before, log, t.now)
	if err := a.resume(ctx); err != nil {
		return nil, false, err
	}
	if a.head.number == 0 {
		return nil, false, &RowError{PageRow(log, 0), "missing"}
	}
	return a, false, nil
}

// one turns one log, unless its end is turned already.
func (t turn) one(ctx context.Context, log LogID) error {
	a, turned, err := t.end(ctx, log)
	if err != nil || turned {
		return err
	}
	var also []Key
	if !t.after.key.Verifier().Equal(t.before.key.Verifier()) {
		also = append(also, t.after.key)
	}
	for {
		d, err := newDraft(t.entry(a.head))
		if err != nil {
			return err
		}
		page, after, err := a.head.nextPage([]*draft{&d}, t.now(), t.before.key, also...)
		if err != nil {
			return err
		}
		ours, err := a.write(ctx, page)
		if ours || err != nil {
			return err
		}
		if a.head.ledger == after.ledger && a.head.key.Equal(after.key) {
			return nil // another process did the same
		}
	}
}

// Rotate makes next the key that signs the ledger from now on. A KEY entry in the spine, and then one
// in every log, names it, on pages that both keys sign; who knows the ledger's first verifier key
// follows from there. A server that has the old key writes nothing after that (ErrRotated).
//
// A key that the ledger had before is refused: it does not come back. What it signed would count again, and
// most often it went because somebody else may have it.
//
// An error leaves the ledger with some logs under the old key. Calling Rotate again with the same keys
// completes it. A *RowError of the spine: nothing was changed. A *RowError of a log: that log alone is left, as
// it is not whole. Where a rotation or restart was interrupted, another one is refused.
func Rotate(ctx context.Context, s Backend, old, next Key, now func() time.Time) error {
	if next.Verifier().Equal(old.Verifier()) {
		return errors.New("audit: the next key is the old one")
	}
	name, err := Name(ctx, s)
	if err != nil {
		return err
	}
	turns, err := storedTurns(ctx, s)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(turns.keys[:len(turns.keys)-1], next.Verifier().Equal) {
		return errors.New("audit: the next key has signed this ledger before, and a key that was rotated away does not come back: take a new one")
	}
	return turn{s, now, identity{name, old}, identity{name, next}, turns, func(h head) Entry {
		return Entry{
			Operation: Rekeyed, Outcome: Granted,
			Reference: next.Verifier().Text(h.ledger), Detail: old.Verifier().Text(h.ledger),
		}
	}}.run(ctx)
}

// Restart lets a ledger that was restored from an older copy go on under a new name. A log must not
// sign a checkpoint that contradicts one which it signed before (C2SP tlog-checkpoint), and the copy's
// logs would: under the new name they are other logs, which begin with what the copy holds. A ROLLBACK
// entry in the spine says what was restored and what is lost; Verify reports it. A copy for staging
// starts the same way.
//
// lost is the newest file that was kept of the ledger under its old name; nil if there is none. An
// error leaves some logs under the old name. Calling Restart again with the same arguments completes
// it.
func Restart(ctx context.Context, s Backend, key Key, name string, lost *KeptFile, now func() time.Time) error {
	if !ValidName(name) {
		return ErrName
	}
	turns, err := storedTurns(ctx, s)
	if err != nil {
		return err
	}
	before := turns.name()
	if before == name && len(turns.names) > 1 { // to complete what was interrupted
		before = turns.names[len(turns.names)-2]
	}
	if before == name || slices.Contains(turns.names[:len(turns.names)-1], name) {
		return errors.New("audit: a restored ledger goes on under a name that it never had")
	}
	var tree tlog.Tree
	if lost != nil {
		k, err := openKept(*lost, turns)
		if err != nil {
			return err
		}
		tree = k.tree
		if turns.name() != name { // else the spine says it already
			if tree, err = lostTree(ctx, s, k); err != nil {
				return err
			}
		}
	}
	return turn{s, now, identity{before, key}, identity{name, key}, turns, func(h head) Entry {
		e := Entry{Operation: RolledBack, Outcome: Granted, Ledger: name, Reference: h.ledger}
		if h.log == Spine {
			e.Detail = formatLoss(h.tree(), tree)
		}
		return e
	}}.run(ctx)
}

// lostTree returns the tree of a kept file that is gone from the restored spine; the zero Tree if the
// spine has it. A spine of that size with another tree was written after it was restored, under its old
// name: what it signed contradicts the file, and no ROLLBACK can say what holds.
func lostTree(ctx context.Context, s Backend, k kept) (tlog.Tree, error) {
	last, err := lastPage(ctx, s, Spine)
	if err != nil {
		return tlog.Tree{}, err
	}
	if last.Size() < k.tree.N {
		return k.tree, nil
	}
	root, err := rootOf(ctx, s, last, k.tree.N)
	if err == nil && root != k.tree.Hash {
		err = fmt.Errorf("audit: the copy was written to after it was restored, and contradicts the kept checkpoint %s: restore it again", k.name)
	}
	return tlog.Tree{}, err
}

// Name returns the name under which a store's ledger goes on. ErrNotFound: there is none.
func Name(ctx context.Context, s Reader) (string, error) {
	text, err := s.VerifierKey(ctx)
	if err != nil {
		return "", err
	}
	return nameNow(ctx, s, KeyName(text))
}
