package audit

import (
	"context"
	"fmt"
	"time"
)

// pruneChunk is how many pages are pruned in one call of the driver.
const pruneChunk = 64

// PrunedLog is what Prune did with a log.
type PrunedLog struct {
	Log     string
	Entries int64  // whose lines were removed
	Kept    string // why the log was left as it is; empty if it was pruned
}

// The reasons to leave a log as it is.
const (
	KeptOpen  = "it is open"
	KeptLater = "it has later entries"
	KeptGone  = "it was pruned before"
)

// Prune removes the lines of every closed log whose last entry is older than
// before. What proves the rest stays: hashes, checkpoints, and the lines of the
// ledger's own entries. For each log a PRUNE entry, durable before the first line is
// gone, commits to the tree that it had; by tells its caller, reference and the like.
//
// A log is verified before it is pruned, and the error is a *RowError if it is not
// whole: pruning would destroy the evidence. What was interrupted is completed by
// pruning again.
func (l *Ledger) Prune(ctx context.Context, before time.Time, by Entry) ([]PrunedLog, error) {
	if err := l.closeIdle(ctx); err != nil {
		return nil, err
	}
	logs, err := l.store.Logs(ctx)
	if err != nil {
		return nil, fmt.Errorf("audit: read the registered logs: %w", err)
	}
	var all []PrunedLog
	for _, log := range logs {
		p, err := l.pruneLog(ctx, log, before, by)
		if err != nil {
			return all, fmt.Errorf("audit: prune %s: %w", log, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// closeIdle closes the logs of past months in series that no server writes any more,
// and opens their next ones.
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

func (l *Ledger) pruneLog(ctx context.Context, log string, before time.Time, by Entry) (PrunedLog, error) {
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
	var r Report
	v := verification{report: &r, store: l.store, key: l.config.Key.Verifier(), last: map[string]head{}}
	if err := v.verifyLog(ctx, log); err != nil {
		return PrunedLog{}, err
	}
	if len(r.Findings) > 0 {
		return PrunedLog{}, r.Findings[0]
	}
	if last.Pruned { // the last page is the last that is pruned
		return PrunedLog{Log: log, Kept: KeptGone}, nil
	}
	by.Operation, by.Outcome, by.Checkpoint = Pruned, Granted, v.last[log].at().String()
	if _, err := l.Append(ctx, by); err != nil {
		return PrunedLog{}, err
	}
	gone, err := l.removeLines(ctx, log)
	return PrunedLog{Log: log, Entries: gone}, err
}

// removeLines prunes the pages of a log in their order and returns how many lines are gone.
func (l *Ledger) removeLines(ctx context.Context, log string) (int64, error) {
	gone := int64(0)
	var chunk []Page
	flush := func() error {
		err := l.store.Prune(ctx, chunk)
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
