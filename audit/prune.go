package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Pruner removes pages. It is a right of its own, which no server needs.
type Pruner interface {
	// Prune replaces the page with the stub's log and number by the stub, on the condition that it
	// has the stub's checkpoint, and then removes all pages of the log before it. Blobs stay. An
	// error leaves the outcome unknown; pruning again with the same stub is safe, and completes what
	// was interrupted. With nil, the lines are gone durably. ErrNotFound: there is no such page.
	Prune(ctx context.Context, stub Page) error
	// PruneBlobs removes all blobs of a kind with the numbers from to to-1. An error leaves the outcome
	// unknown, and calling it again is safe.
	PruneBlobs(ctx context.Context, log LogID, kind string, from, to int64) error
}

// PrunedLog says what Ledger.Prune did with a log.
type PrunedLog struct {
	Log     LogID
	Entries int64     // how many entries lost their lines by this call
	Until   time.Time // of the last of them
}

// ErrHeld says that a HOLD forbids pruning.
var ErrHeld = errors.New("audit: a hold forbids pruning")

// Prune removes, through s, the pages of every log that are older than before, and leaves of the last
// of them a stub, and the runs of the index that begin with them. s must remove them from the store that the
// Ledger has. Their tiles are put before, so that proofs and lines that were kept still verify; the last page of a log stays, and so do pages of the last
// hour. Before the first page of a log goes, a PRUNE entry that names the log's tree is durable in the
// spine; by holds that entry's other fields, such as the caller and the reference.
//
// The ledger is verified before. If it is not whole, the error is a *RowError and all stays as it is:
// pruning would destroy the evidence. ErrHeld: a HOLD is in force. After any error, calling Prune again
// completes what was interrupted. The logs that were done until then are returned with it.
func (l *Ledger) Prune(ctx context.Context, s Pruner, before time.Time, by Entry) ([]PrunedLog, error) {
	if err := l.checkpoint(ctx); err != nil {
		return nil, err
	}
	v := newVerification(l.store, VerifyOptions{})
	defer v.close()
	if found, err := v.identify(ctx); err != nil || !found {
		return nil, fmt.Errorf("audit: prune: %w", err)
	}
	if err := v.run(ctx, Survey{}); err != nil {
		return nil, err
	}
	if len(v.report.Findings) > 0 {
		return nil, v.report.Findings[0]
	}
	if held := v.spine.spine.holds; len(held) > 0 {
		return nil, fmt.Errorf("%w; not released: %d", ErrHeld, len(held))
	}
	var all []PrunedLog
	for _, t := range v.spine.spine.trees {
		p, err := l.pruneLog(ctx, s, t, v.spine.spine.pruned[t.Log], before, by)
		if err == nil {
			err = l.pruneIndex(ctx, s, t.Log)
		}
		if err != nil {
			return all, fmt.Errorf("audit: prune log %s: %w", t.Log, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// pruneLog prunes one log, of which the spine lists a tree and has these PRUNEs.
func (l *Ledger) pruneLog(ctx context.Context, s Pruner, listed LogTree, prunes []pruning, before time.Time, by Entry) (PrunedLog, error) {
	done := PrunedLog{Log: listed.Log}
	first, err := stubOf(ctx, l.store, listed.Log)
	if err != nil {
		return done, err
	}
	if n := len(prunes); n > 0 && !first.Stub {
		p, err := pageAt(ctx, l.store, listed.Log, prunes[n-1].page)
		if err != nil {
			return done, err
		}
		if p.Stub { // pages below it were left by an interruption
			if err := s.Prune(ctx, p); err != nil {
				return done, err
			}
			first = p
		}
	}
	if fresh := l.config.Now().Add(-freshFor); fresh.Before(before) {
		before = fresh
	}
	last, err := l.lastPageBefore(ctx, listed, before)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return done, err
	}
	declared := false
	if n := len(prunes); n > 0 && prunes[n-1].page >= last.Number {
		// What a PRUNE in the spine covers is removed, even if it was interrupted and the date is an
		// earlier one now.
		declared = true
		if last, err = pageAt(ctx, l.store, listed.Log, prunes[n-1].page); err != nil {
			return done, err
		}
	}
	switch {
	case last.Stub: // pages below it may have been left by an interruption
		return done, s.Prune(ctx, last)
	case len(last.Lines) == 0: // nothing is that old
		return done, nil
	}
	at, err := resumeDerivation(ctx, l.store, listed.Log, l.derived.signer)
	if err != nil {
		return done, err
	}
	if err := at.catchUp(ctx, l.store); err != nil {
		return done, err
	}
	if err := l.keepTiles(ctx, last); err != nil {
		return done, err
	}
	before256, err := leaves(ctx, l.store, listed.Log, last.First-last.First%BundleWidth, last.First%BundleWidth)
	if err != nil {
		return done, err
	}
	stub := last.toStub(before256)
	if !declared {
		by.Operation, by.Outcome = Pruned, Granted
		by.Checkpoint, by.Detail, by.Count = newPruning(listed.Log, pruning{last.Number, stub.Tree(), before.UTC().Truncate(time.Microsecond)})
		if err := l.declare(ctx, by); err != nil {
			return done, err
		}
	}
	if err := s.Prune(ctx, stub); err != nil {
		return done, err
	}
	done.Entries, done.Until = stub.First-first.First, last.Time
	return done, nil
}

// keepTiles puts the tiles of the lowest level that are full up to a page, which is to become the stub: they
// replace the lines. Those of what was pruned before are there.
func (l *Ledger) keepTiles(ctx context.Context, last Page) error {
	at, err := newDerivation(ctx, l.store, last.Log, l.derived.signer)
	if err != nil {
		return err
	}
	at.index, at.lowest = nil, last.Size()/BundleWidth
	if err := at.upTo(ctx, l.store, last.Number); err != nil {
		return err
	}
	if at.tiler.size != last.Size() {
		return last.fault("a page before it is missing")
	}
	return nil
}

// pruneIndex removes the runs that begin with what was pruned from a log. The runs go before what they
// bind. Until all is gone it counts for nothing.
func (l *Ledger) pruneIndex(ctx context.Context, s Pruner, log LogID) error {
	live, err := liveFrom(ctx, l.store, log)
	if err != nil || live == 0 {
		return err
	}
	for t := range tiers {
		run := tierOf[t].begin(live)
		for _, of := range []struct {
			kind  string
			below int64
		}{{runKind(t), run}, {summaryKind(t), run}, {bucketKind(t), run << tierOf[t].bits}} {
			if err := s.PruneBlobs(ctx, log, of.kind, 0, of.below); err != nil {
				return err
			}
		}
	}
	return nil
}

// declare appends a PRUNE, unless a HOLD came since the ledger was verified.
func (l *Ledger) declare(ctx context.Context, by Entry) error {
	_, err := l.spine.append(ctx, func(h head) (Entry, error) {
		if len(h.spine.holds) > 0 {
			return Entry{}, ErrHeld
		}
		return by, nil
	})
	return err
}

// lastPageBefore returns the last page of a log whose time is before a moment, of those that the spine
// lists and that are not the log's last one. It is no page of a KEY: the entry says which two keys have
// signed the page, so a stub of it could not be checked. ErrNotFound, and the zero Page: there is none.
func (l *Ledger) lastPageBefore(ctx context.Context, listed LogTree, before time.Time) (Page, error) {
	last, err := lastPage(ctx, l.store, listed.Log)
	if err != nil {
		return Page{}, err
	}
	after, err := search(ctx, l.store, last, func(p Page) bool { return !p.Time.Before(before) || p.Size() > listed.N })
	if err != nil {
		return Page{}, err
	}
	if after.Number == 0 {
		return Page{}, ErrNotFound
	}
	for number := after.Number - 1; ; number-- {
		p, err := pageAt(ctx, l.store, listed.Log, number)
		if err != nil || p.Number != number {
			return Page{}, cmp.Or(err, ErrNotFound)
		}
		entries, err := p.Entries()
		if _, _, is := rekeying(entries); err != nil || !is {
			return p, err
		}
	}
}

// Hold appends a HOLD or a RELEASE, as by.Operation says, with by.Reference. While a HOLD is not
// released, Prune removes nothing.
func (l *Ledger) Hold(ctx context.Context, by Entry) (Receipt, error) {
	by.Outcome = Granted
	return l.spine.append(ctx, func(head) (Entry, error) { return by, nil })
}
