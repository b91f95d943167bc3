package audit

import (
	"context"
	"errors"
	"fmt"
)

// Reindex derives everything that follows from the pages of a ledger again: it replaces the tiles and the
// index, and removes what does not follow from them. What is kept of what was pruned stays as it is. The
// ledger may be in use meanwhile: a question that meets a wrong blob fails until it is replaced.
//
// progress, if not nil, is called after each log with its number of entries. ErrOtherKey: the key is not
// the ledger's. A *RowError: a page is not what was written, and nothing is derived from it or from the
// pages after it.
func Reindex(ctx context.Context, s Store, key Key, progress func(log LogID, entries int64)) error {
	turns, err := storedTurns(ctx, s)
	if err != nil {
		return err
	}
	if !turns.key().Equal(key.Verifier()) {
		return ErrOtherKey
	}
	by := signer{identity{turns.name(), key}, &keyring{reader: s, known: turns}}
	logs, err := Logs(ctx, s)
	if err != nil {
		return err
	}
	for _, log := range logs {
		at, err := newDerivation(ctx, s, log, by)
		if err == nil {
			at.lowest, err = lowestToPut(ctx, s, log, at.tiler.size)
		}
		if err == nil {
			err = at.catchUp(ctx, s)
		}
		if err != nil {
			return fmt.Errorf("audit: derive log %s: %w", log, err)
		}
		if progress != nil {
			progress(log, at.tiler.size)
		}
	}
	survey, err := s.Survey(ctx, func(*RowError) {})
	if err != nil {
		return err
	}
	for _, k := range survey.Blobs {
		if err := removeStrays(ctx, s, k); err != nil {
			return err
		}
	}
	return nil
}

// lowestToPut returns the number after the last tile of the lowest level that is kept of a log's lines, which
// are there from the entry live on. A Prune that was interrupted, or goes on, has put such tiles, so they are
// replaced and never removed.
func lowestToPut(ctx context.Context, s Store, log LogID, live int64) (int64, error) {
	last, err := lastPage(ctx, s, log)
	if err != nil {
		return 0, err
	}
	n, err := countBlobs(ctx, s, log, tileKind(0), live/BundleWidth, last.Size()/BundleWidth)
	var row *RowError
	if errors.As(err, &row) { // it is replaced too
		return last.Size() / BundleWidth, nil
	}
	return n, err
}

// removeStrays removes the blobs of a kind that do not follow from the log's pages. It looks at the log
// after it has seen a blob: a server may derive meanwhile.
func removeStrays(ctx context.Context, s Store, k BlobKind) error {
	for b, err := range s.Blobs(ctx, k.Log, k.Kind, 0) {
		var row *RowError
		if err != nil && !errors.As(err, &row) {
			return err
		}
		if err != nil {
			return nil // Verify says what is wrong with it
		}
		last, err := lastPage(ctx, s, k.Log)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if n, _ := blobCount(k.Kind, last.Size()); b.Number < n {
			continue
		}
		if err := s.PruneBlobs(ctx, k.Log, k.Kind, b.Number, b.Number+1); err != nil {
			return err
		}
	}
	return nil
}

// blobCount returns how many blobs of a kind a log of a size has. derived is false if no log has the kind.
func blobCount(kind string, size int64) (n int64, derived bool) {
	for level := range maxLevel + 1 {
		if kind == tileKind(level) {
			return size >> (8 * (level + 1)), true
		}
	}
	if kind == rootsKind {
		return size / (rootsWidth * BundleWidth), true
	}
	for t := range tiers {
		switch runs := size / tierOf[t].size; kind {
		case bucketKind(t):
			return runs << tierOf[t].bits, true
		case summaryKind(t), runKind(t):
			return runs, true
		}
	}
	return 0, false
}
