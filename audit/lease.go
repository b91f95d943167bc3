package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

const (
	// leaseFor is how long a server keeps a series without renewing its lease.
	leaseFor = 10 * time.Second
	// renewEvery is short enough that two renewals in a row may fail.
	renewEvery = leaseFor / 3
)

// Leases lets each of the servers that share a store write logs of its own. It is for speed only.
// Two servers may write one log, after a wrong clock or a pause of one of them; the log stays whole,
// because each page number is taken once.
//
// It is safe for concurrent use, by several processes too. An error leaves the outcome unknown, and
// calling again is safe.
type Leases interface {
	// Lease gives a log to a holder until a time, and reports whether it did. It does not if
	// another holder has the log beyond now. Renewing a lease is the same call, and until =
	// now gives the log back.
	Lease(ctx context.Context, log LogID, holder string, now, until time.Time) (bool, error)
}

// newHolder returns a name that no other Ledger has.
func newHolder() string { return rand.Text() }

// writes reports whether the ledger has a writer of the log.
func (l *Ledger) writes(log LogID) bool {
	for _, w := range *l.writers.Load() {
		if w.log == log {
			return true
		}
	}
	return false
}

// free leases a log that this ledger does not write yet, and returns it; Spine if others hold all.
func (l *Ledger) free(ctx context.Context) (LogID, error) {
	for log := Spine + 1; log <= MaxLogs; log++ {
		if l.writes(log) {
			continue
		}
		held, err := l.lease(ctx, log, leaseFor)
		if err != nil {
			return 0, err
		}
		if held {
			return log, nil
		}
	}
	return Spine, nil
}

func (l *Ledger) lease(ctx context.Context, log LogID, d time.Duration) (bool, error) {
	now := l.config.Now()
	ctx, cancel := context.WithTimeout(ctx, l.config.AppendTimeout)
	defer cancel()
	held, err := l.config.Leases.Lease(ctx, log, l.holder, now, now.Add(d))
	if err != nil {
		return false, fmt.Errorf("audit: lease log %s: %w", log, err)
	}
	return held, nil
}

// firstLog returns a log for a new writer: a free one, or else one that this ledger shares with
// another server.
func (l *Ledger) firstLog(ctx context.Context) (LogID, error) {
	if l.config.Leases != nil {
		if log, err := l.free(ctx); err != nil || log != Spine {
			return log, err
		}
	}
	log := Spine + 1
	for l.writes(log) {
		log++
	}
	return log, nil
}

// renew renews the leases until ctx is done, and then gives the logs back.
func (l *Ledger) renew(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for i, w := range *l.writers.Load() {
				l.keep(ctx, i, w)
			}
		case <-ctx.Done():
			for _, w := range *l.writers.Load() {
				_, _ = l.lease(context.WithoutCancel(ctx), w.log, 0) // if this fails, the lease still ends by itself
			}
			return
		}
	}
}

// keep renews a writer's lease. If another server holds the log, a new writer in a free one replaces
// this one. If the store fails, or no log is free, the writer stays: sharing a log is slower, and as
// safe.
func (l *Ledger) keep(ctx context.Context, i int, w *writer) {
	if held, err := l.lease(ctx, w.log, leaseFor); err != nil || held {
		return
	}
	log, err := l.free(ctx)
	if err != nil || log == Spine {
		return
	}
	moved, err := l.openWriter(ctx, log)
	if err != nil {
		return
	}
	l.run(moved)
	writers := slices.Clone(*l.writers.Load())
	writers[i] = moved
	l.writers.Store(&writers)
	w.close() // it still writes the entries that wait
}
