package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

const (
	// leaseFor is how long a server keeps a series to itself without renewing.
	leaseFor = 10 * time.Second
	// renewEvery leaves two renewals that may fail.
	renewEvery = leaseFor / 3
)

// Leases tells servers that share a store apart, so that each writes series of
// its own. It is for speed only: what keeps a log whole when two servers write it, as
// a clock that is wrong or a server that was paused can bring about, is that a page number
// is taken once.
type Leases interface {
	// Lease gives a series to a holder until a time, unless another holds it beyond
	// now, and reports whether it did. Renewing is the same call; until = now gives
	// the series back.
	Lease(ctx context.Context, series, holder string, now, until time.Time) (bool, error)
}

// seriesName returns the name of the i-th series, from 0.
func seriesName(i int) string { return fmt.Sprintf("piinguin-%d", i+1) }

// newHolder returns a name that no other server has.
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

// free returns a series that this ledger does not write and that was leased to it
// just now; "" if others hold all.
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

// firstSeries returns the series for another writer: a free one, else any that this
// ledger does not write yet, which it then shares.
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

// renew keeps the series until ctx is done, then gives them back.
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
				_, _ = l.lease(context.WithoutCancel(ctx), w.series, 0) // it ends by itself if this fails
			}
			return
		}
	}
}

// keep renews a writer's lease. If another server holds the series, the writer
// moves to a free one. When the store fails, or no series is free, it stays: that is
// slower, and as safe.
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
	w.close() // it writes what waits, and ends
}
