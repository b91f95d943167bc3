package audit

import (
	"context"
	"errors"
	"time"
)

// deriveOthers derives, each period, the logs that nobody else derives: those whose server is gone, and the
// spine. A log is left alone as long as its newest run changes or nothing is to be derived.
func (l *Ledger) deriveOthers(ctx context.Context) {
	tick := time.NewTicker(l.config.Period)
	defer tick.Stop()
	behind := map[LogID]int64{} // the runs of logs that were behind a period ago
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		logs := []LogID{Spine}
		for _, t := range l.spine.at().spine.trees {
			logs = append(logs, t.Log)
		}
		for _, log := range logs {
			if l.writes(log) {
				continue
			}
			runs, lags, err := l.behindBy(ctx, log)
			if before, was := behind[log]; err == nil && lags && was && before == runs {
				l.derived.watch(log)
			}
			if delete(behind, log); err == nil && lags {
				behind[log] = runs
			}
		}
	}
}

// behindBy returns how many runs of the lowest tier a log has, and whether it could have more.
func (l *Ledger) behindBy(ctx context.Context, log LogID) (runs int64, lags bool, err error) {
	last, err := lastPage(ctx, l.store, log)
	if errors.Is(err, ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	live, err := liveFrom(ctx, l.store, log)
	if err != nil {
		return 0, false, err
	}
	runs, err = l.index.runs.end(ctx, log, 0, last.Size(), live)
	return runs, runs < last.Size()/tierOf[0].size, err
}
