package audit

import (
	"context"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Index answers a reviewer's questions about the entries of the store.
func (l *Ledger) Index() *Index { return l.index }

// Logs returns the logs that the spine lists, and the spine first.
func (l *Ledger) Logs(ctx context.Context) ([]LogID, error) { return Logs(ctx, l.store.Reviews()) }

// Logs returns the logs that a ledger's spine lists, and the spine first. It takes the spine as it is:
// Verify says whether that is right. ErrNotFound: there is no ledger.
func Logs(ctx context.Context, s PageReader) ([]LogID, error) {
	last, err := lastPage(ctx, s, Spine)
	if err != nil {
		return nil, err
	}
	trees, _, err := newestTrees(ctx, s, last)
	if err != nil {
		return nil, err
	}
	logs := []LogID{Spine}
	for _, t := range trees {
		logs = append(logs, t.Log)
	}
	return logs, nil
}

// newestTrees returns what the newest CHECKPOINT of the spine up to a page lists, and the entry itself.
func newestTrees(ctx context.Context, s PageReader, last Page) ([]LogTree, Entry, error) {
	p, err := newestCheckpoint(ctx, s, last)
	if err != nil {
		return nil, Entry{}, err
	}
	entries, err := p.Entries()
	if err != nil {
		return nil, Entry{}, err
	}
	for _, e := range slices.Backward(entries) {
		if e.Operation != Checkpoint {
			continue
		}
		trees, err := parseTrees(e.Checkpoint)
		if err != nil {
			return nil, Entry{}, p.fault("its CHECKPOINT lists no trees")
		}
		return trees, e, nil
	}
	return nil, Entry{}, nil
}

// OpenIndex answers questions about a store without a Ledger.
func OpenIndex(s Backend) *Index {
	r := s.Reviews()
	return newIndex(r, &keyring{reader: r})
}

// Checkpoint returns the signed checkpoint of a log's latest page, and the tree that it signs.
// ErrNotFound: there is no such log.
func (l *Ledger) Checkpoint(ctx context.Context, log LogID) ([]byte, tlog.Tree, error) {
	last, err := lastPage(ctx, l.store.Reviews(), log)
	if err != nil {
		return nil, tlog.Tree{}, err
	}
	return last.Checkpoint, last.Tree(), nil
}

// Keep returns what is to be kept elsewhere (KeptFile): the newest CHECKPOINT of the spine, and the
// size of the spine that its proof is of. ErrNotFound: there is no CHECKPOINT yet.
func Keep(ctx context.Context, s Reader) (data []byte, size int64, err error) {
	last, err := lastPage(ctx, s, Spine)
	if err != nil {
		return nil, 0, err
	}
	_, e, err := newestTrees(ctx, s, last)
	if err != nil {
		return nil, 0, err
	}
	if e.Operation == "" {
		return nil, 0, ErrNotFound
	}
	proof, err := proveIn(ctx, s, last, e.Index)
	if err != nil {
		return nil, 0, err
	}
	line, err := e.Format()
	if err != nil {
		return nil, 0, err
	}
	return formatKept(line, proof), last.Size(), nil
}

// Keep is the function Keep for the ledger's store.
func (l *Ledger) Keep(ctx context.Context) (data []byte, size int64, err error) {
	return Keep(ctx, l.store.Reviews())
}

// ProveListed is the function ProveListed for the ledger's store.
func (l *Ledger) ProveListed(ctx context.Context, log LogID, index int64) (proof, file []byte, err error) {
	return ProveListed(ctx, l.store.Reviews(), log, index)
}

// ProveEntry is the function ProveEntry for the ledger's store.
func (l *Ledger) ProveEntry(ctx context.Context, log LogID, index int64) ([]byte, error) {
	return ProveEntry(ctx, l.store.Reviews(), log, index)
}

// ProveConsistency is the function ProveConsistency for the ledger's store.
func (l *Ledger) ProveConsistency(ctx context.Context, log LogID, oldSize int64) (ConsistencyProof, error) {
	return ProveConsistency(ctx, l.store.Reviews(), log, oldSize)
}

// Tile returns a tile of a log as it is now, as TileData.
func (l *Ledger) Tile(ctx context.Context, log LogID, t tlog.Tile) ([]byte, error) {
	r := l.store.Reviews()
	last, err := lastPage(ctx, r, log)
	if err != nil {
		return nil, err
	}
	return TileData(ctx, r, log, last.Size(), t)
}
