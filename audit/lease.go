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

// Leases lets each of the servers that share a store write series of its own. It is for speed only.
// Two servers may write one log, after a wrong clock or a pause of one of them; the log stays whole,
// because each page number is taken once.
//
// It is safe for concurrent use, by several processes too. An error leaves the outcome unknown, and
// calling again is safe.
type Leases interface {
	// Lease gives a series to a holder until a time, and reports whether it did. It does not if
	// another holder has the series beyond now. Renewing a lease is the same call, and until =
	// now gives the series back.
	Lease(ctx context.Context, series, holder string, now, until time.Time) (bool, error)
}

// seriesName returns the name of the i-th series, from 0.
func seriesName(i int) string { return fmt.Sprintf("piinguin-%d", i+1) }

// newHolder returns a name that no other Ledger has.
func newHolder() string { return rand.Text() }

// writes reports whether the ledger has a writer of the series.
func (l *Ledger) writes(series string) bool {
	for _, w := range *l.writers.Load() {
		if w.series == series {
			return true
		}
	}
	return false
}

// free leases a series that this ledger does not write yet, and returns it; "" if others hold all.
func (l *Ledger) free(ctx context.Context) (string, error) {
	for i := range MaxLogs {
		if l.writes(seriesName(i)) {
			continue
		}
		held, err := l.lease(ctx, seriesName(i), leaseFor)
		if err != nil {
			return "", err
		}
		if held {
			return seriesName(i), nil
		}
	}
	return "", nil
}

func (l *Ledger) lease(ctx context.Context, series string, d time.Duration) (bool, error) {
	now := l.config.Now()
	ctx, cancel := context.WithTimeout(ctx, l.config.AppendTimeout)
	defer cancel()
	held, err := l.config.Leases.Lease(ctx, series, l.holder, now, now.Add(d))
	if err != nil {
		return false, fmt.Errorf("audit: lease %s: %w", series, err)
	}
	return held, nil
}

// firstSeries returns a series for a new writer: a free one, or else one that this ledger shares
// with another server.
func (l *Ledger) firstSeries(ctx context.Context) (string, error) {
	if l.config.Leases != nil {
		if series, err := l.free(ctx); err != nil || series != "" {
			return series, err
		}
	}
	i := 0
	for l.writes(seriesName(i)) {
		i++
	}
	return seriesName(i), nil
}

// renew renews the leases until ctx is done, and then gives the series back.
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
				_, _ = l.lease(context.WithoutCancel(ctx), w.series, 0) // if this fails, the lease still ends by itself
			}
			return
		}
	}
}

// keep renews a writer's lease. If another server holds the series, a new writer in a free series
// replaces this one. If the store fails, or no series is free, the writer stays: sharing a series
// is slower, and as safe.
func (l *Ledger) keep(ctx context.Context, i int, w *writer) {
	if held, err := l.lease(ctx, w.series, leaseFor); err != nil || held {
		return
	}
	series, err := l.free(ctx)
	if err != nil || series == "" {
		return
	}
	moved, err := openWriter(ctx, l.config, series)
	if err != nil {
		return
	}
	l.run(moved)
	writers := slices.Clone(*l.writers.Load())
	writers[i] = moved
	l.writers.Store(&writers)
	w.close() // it still writes the entries that wait
}
