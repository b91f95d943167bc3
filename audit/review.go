package audit

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"
)

// Index answers a reviewer's questions about the entries of the store.
func (l *Ledger) Index() Index { return l.store }

// Logs is that of Registry.
func (l *Ledger) Logs(ctx context.Context) ([]string, error) { return l.store.Logs(ctx) }

// Checkpoint returns the signed checkpoint of a log's latest page, and the tree that it signs.
// ErrNotFound: there is no such log.
func (l *Ledger) Checkpoint(ctx context.Context, log string) ([]byte, tlog.Tree, error) {
	last, err := l.store.Last(ctx, log)
	if err != nil {
		return nil, tlog.Tree{}, err
	}
	return last.Checkpoint, tlog.Tree{N: last.Size(), Hash: last.Root}, nil
}

// ProveEntry is the function ProveEntry for the ledger's store.
func (l *Ledger) ProveEntry(ctx context.Context, log string, index int64) ([]byte, error) {
	return ProveEntry(ctx, l.store, log, index)
}

// ProveConsistency is the function ProveConsistency for the ledger's store.
func (l *Ledger) ProveConsistency(ctx context.Context, log string, oldSize int64) (ConsistencyProof, error) {
	return ProveConsistency(ctx, l.store, log, oldSize)
}

// Tile is the function TileData for a log as it is now.
func (l *Ledger) Tile(ctx context.Context, log string, t tlog.Tile) ([]byte, error) {
	last, err := l.store.Last(ctx, log)
	if err != nil {
		return nil, err
	}
	return TileData(ctx, l.store, log, last.Size(), t)
}
