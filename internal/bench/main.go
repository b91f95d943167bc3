// Command bench measures the main job side by side in one run: rounds go through
// all rows in turn, so that a change of the machine's speed meets every row, and
// what counts are the medians and their ratios. `make bench` runs it with DynamoDB
// Local beside it. It prints what it finds and judges nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one thing to measure: by what is done again and again by all connections,
// or as a whole.
type row struct {
	name  string
	once  func(ctx context.Context, worker int) error
	whole func(ctx context.Context) (count int64, err error)
	base  string // the row that its ratio is to
}

func run(ctx context.Context) error {
	rounds := flag.Int("rounds", 3, "rounds; the median of them counts")
	length := flag.Duration("length", 3*time.Second, "how long a row is measured in a round")
	workers := flag.Int("connections", 32, "connections at once")
	entries := flag.Int("entries", 200_000, "how many entries are verified")
	events := flag.Int("events", 100_000, "how many events are replayed")
	flag.Parse()
	endpoint := os.Getenv("PIINGUIN_TEST_DYNAMODB")
	if endpoint == "" {
		return errors.New("PIINGUIN_TEST_DYNAMODB is not set; `make bench` starts DynamoDB Local")
	}
	dir, err := os.MkdirTemp("", "piinguin-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	rows, done, err := rowsOf(ctx, endpoint, dir, *events)
	if err != nil {
		return err
	}
	defer done()
	ledger, err := verifyRows(ctx, filepath.Join(dir, "ledger.db"), *entries)
	if err != nil {
		return err
	}
	callers, stop, err := identityRows(ctx)
	defer stop()
	if err != nil {
		return err
	}
	rows = append(append(rows, callers...), ledger...)
	rates := map[string][]float64{}
	for round := range *rounds {
		for _, r := range rows {
			rate, err := r.measure(ctx, *workers, *length)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d  %-28s %8.0f/s\n", round+1, r.name, rate)
			rates[r.name] = append(rates[r.name], rate)
		}
	}
	return report(rows, rates, *workers)
}

// measure returns how many calls a second the workers do together, or how many a
// second the whole counts.
func (r row) measure(ctx context.Context, workers int, length time.Duration) (float64, error) {
	if r.whole != nil {
		start := time.Now()
		count, err := r.whole(ctx)
		return float64(count) / time.Since(start).Seconds(), err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for w := range workers {
		wg.Go(func() {
			for ctx.Err() == nil && time.Since(start) < length {
				if err := r.once(ctx, w); err != nil {
					cancel(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), context.Cause(ctx)
}

func report(rows []row, rates map[string][]float64, workers int) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "%d connections\tmedian/s\tmin/s\tmax/s\tratio\n", workers)
	for _, r := range rows {
		all := slices.Sorted(slices.Values(rates[r.name]))
		ratio := ""
		if r.base != "" {
			base := slices.Sorted(slices.Values(rates[r.base]))
			ratio = fmt.Sprintf("%.2f of %s", median(all)/median(base), r.base)
		}
		_, _ = fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%s\n", r.name, median(all), all[0], all[len(all)-1], ratio)
	}
	return t.Flush()
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
