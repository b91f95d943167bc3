package audit

import (
	"context"
	"fmt"
	"time"
)

// Pruner removes lines from stored pages. It is a right of its own, which no server needs.
type Pruner interface {
	// Prune removes from pages of a closed log the lines that Page.Prune removes, and everything
	// derived from those lines. It gets whole pages, as Pages yields them. Hashes, edges, roots
	// and checkpoints stay. An error leaves the outcome of each page unknown; pruning the same
	// pages again is safe, and completes what was interrupted. With nil, the lines are gone
	// durably.
	Prune(ctx context.Context, pages []Page) error
}

// pruneChunk is how many pages one call of a Pruner gets.
const pruneChunk = 64

// PrunedLog says what Ledger.Prune did with a log.
type PrunedLog struct {
	Log     string
	Entries int64  // how many entries lost their lines
	Kept    string // why the log was left alone; empty if it was pruned
}

// The values of PrunedLog.Kept.
const (
	KeptOpen  = "it is open"
	KeptLater = "it has later entries"
	KeptGone  = "it was pruned before"
)

// Prune removes, through s, the lines of every closed log whose last entry is older than before. s
// must remove them from the store that the Ledger has. What proves the other entries stays: hashes,
// checkpoints, and the lines of the ledger's own entries. Before the first line of a log goes, a
// PRUNE entry that names the log's checkpoint is durable; by holds that entry's other fields, such
// as the caller and the reference.
//
// Each log is verified before it is pruned. If it is not whole, the error is a *RowError and the
// log stays as it is: pruning would destroy the evidence. After any error, calling Prune again
// completes what was interrupted. The logs that were done until then are returned with it.
func (l *Ledger) Prune(ctx context.Context, s Pruner, before time.Time, by Entry) ([]PrunedLog, error) {
	if err := l.closeIdle(ctx); err != nil {
		return nil, err
	}
	logs, err := l.store.Logs(ctx)
	if err != nil {
		return nil, fmt.Errorf("audit: read the registered logs: %w", err)
	}
	var all []PrunedLog
	for _, log := range logs {
		p, err := l.pruneLog(ctx, s, log, before, by)
		if err != nil {
			return all, fmt.Errorf("audit: prune %s: %w", log, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// closeIdle closes logs of past months that no server writes any more, and opens the next log of
// their series. Only closed logs can be pruned.
func (l *Ledger) closeIdle(ctx context.Context) error {
	logs, err := l.store.Logs(ctx)
	if err != nil {
		return fmt.Errorf("audit: read the registered logs: %w", err)
	}
	for _, log := range logs {
		if log != SeriesOf(log) || l.writes(log) {
			continue
		}
		if _, err := openWriter(ctx, l.config, log); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) pruneLog(ctx context.Context, s Pruner, log string, before time.Time, by Entry) (PrunedLog, error) {
	last, err := l.store.Last(ctx, log)
	if err != nil {
		return PrunedLog{}, err
	}
	end, err := last.Entry(last.Size() - 1)
	switch {
	case err != nil:
		return PrunedLog{}, err
	case end.Operation != Closed:
		return PrunedLog{Log: log, Kept: KeptOpen}, nil
	case !end.Time.Before(before):
		return PrunedLog{Log: log, Kept: KeptLater}, nil
	}
	v := newVerification(l.store, l.config.Key.Verifier())
	if err := v.verifyLog(ctx, log); err != nil {
		return PrunedLog{}, err
	}
	if len(v.report.Findings) > 0 {
		return PrunedLog{}, v.report.Findings[0]
	}
	if last.Pruned { // pages are pruned in their order, so all are
		return PrunedLog{Log: log, Kept: KeptGone}, nil
	}
	by.Operation, by.Outcome, by.Checkpoint = Pruned, Granted, v.last[log].at().String()
	if _, err := l.Append(ctx, by); err != nil {
		return PrunedLog{}, err
	}
	gone, err := l.removeLines(ctx, s, log)
	return PrunedLog{Log: log, Entries: gone}, err
}

// removeLines prunes the pages of a log in their order, and returns how many lines it removed.
func (l *Ledger) removeLines(ctx context.Context, s Pruner, log string) (int64, error) {
	gone := int64(0)
	var chunk []Page
	flush := func() error {
		err := s.Prune(ctx, chunk)
		chunk = chunk[:0]
		return err
	}
	for p, err := range l.store.Pages(ctx, log, 0) {
		if err != nil {
			return gone, err
		}
		after, err := p.Prune()
		if err != nil {
			return gone, err
		}
		for i := range after.Lines {
			if after.Lines[i] == nil && p.Lines[i] != nil {
				gone++
			}
		}
		if chunk = append(chunk, p); len(chunk) == pruneChunk {
			if err := flush(); err != nil {
				return gone, err
			}
		}
	}
	return gone, flush()
}
