package main

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/durable"
	"github.com/piinguin/piinguin/internal/engine"
)

// The names of rows of a long run, without their size.
const (
	grown        = "audited read, SQLite, records and entries: "
	listed       = "list by "
	summarized   = "summary of a month by caller and basis, SQLite"
	verifiedAll  = "verify a large ledger, SQLite"
	verifiedSome = "verify a large ledger without what is derived, SQLite"
	indexed      = "index, CPU time an entry, SQLite"
	appendedLong = "append in pages of 32, write units of DynamoDB, 1 M entries"
)

// smallLedger and smallStore are what the large ones are compared with.
const (
	smallLedger = 50_000
	smallStore  = 10_000
)

// longRows returns the rows of -long. The largest store grows to size; the largest ledger that is
// queried and verified has half of it.
func longRows(size int) (rows []row) {
	for _, by := range []question{{"subject", bySubject}, {"caller", byCaller}, {"reference", byReference}} {
		for _, entries := range []int{smallLedger, size / 2} {
			rows = append(rows, row{name: ofSize(listed+by.name+", SQLite, entries: ", entries), run: list(by, entries)})
		}
	}
	rows = append(rows,
		row{name: summarized, run: summarize(size / 2)},
		row{name: verifiedAll, run: verify(audit.MaxPageEntries, size/2), once: true},
		row{name: verifiedSome, run: verify(audit.MaxPageEntries, size/2, "--no-derived"), once: true},
		row{name: indexed, run: indexCost},
		row{name: appendedLong, run: unitsOfPages(32, 1<<20), once: true})
	for _, n := range []int{smallStore, size} {
		r := called("", "read", halfCallers, startGrown(n))
		r.name = ofSize(grown, n)
		rows = append(rows, r)
	}
	return rows
}

// ofSize returns the name of a row with its size.
func ofSize(name string, n int) string { return fmt.Sprintf("%s%d", name, n) }

// question is what a reviewer asks: all entries of somebody or something at random.
type question struct {
	name string
	ask  func(q *audit.Query, n int)
}

func bySubject(q *audit.Query, n int) { q.Subjects = []string{subjectOf(n)} }

func byCaller(q *audit.Query, n int) { q.Callers = []string{callerOf(n)} }

func byReference(q *audit.Query, n int) { q.References = []string{referenceOf(n)} }

// list measures how long one question takes: up to 50 entries, newest first, with as many calls as
// that takes.
func list(by question, entries int) func(ctx context.Context, b *bench) (sample, error) {
	return timed(entries, func(ctx context.Context, x *audit.Index) (int, error) {
		q := audit.Query{Limit: 50}
		by.ask(&q, mathrand.IntN(entries)) //nolint:gosec // any entry will do
		return ask(ctx, x, q)
	})
}

// summarize measures how long it takes to count the entries of a month.
func summarize(entries int) func(ctx context.Context, b *bench) (sample, error) {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	q := audit.SummaryQuery{From: today.Add(-month), To: today, By: []audit.Dimension{audit.ByCaller, audit.ByBasis}}
	return timed(entries, func(ctx context.Context, x *audit.Index) (int, error) {
		counted, err := x.Summarize(ctx, q)
		return len(counted), err
	})
}

// timed measures a question about a ledger on SQLite, for as long as a row is measured, and at least three
// times.
func timed(entries int, ask func(ctx context.Context, x *audit.Index) (found int, err error)) func(ctx context.Context, b *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		path, err := b.ledgerFile(ctx, audit.MaxPageEntries, entries)
		if err != nil {
			return sample{}, err
		}
		s, done, err := engine.ReviewSQLite(ctx, path)
		if err != nil {
			return sample{}, err
		}
		defer func() { _ = done() }()
		index := audit.OpenIndex(s)
		var took []time.Duration
		found, cpu := 0, ownCPU()
		for begun := time.Now(); time.Since(begun) < b.length || len(took) < 3; {
			start := time.Now()
			n, err := ask(ctx, index)
			if err != nil {
				return sample{}, err
			}
			took, found = append(took, time.Since(start)), found+n
		}
		slices.Sort(took)
		var sum time.Duration
		for _, t := range took {
			sum += t
		}
		n := float64(len(took))
		return sample{
			Rate: n / sum.Seconds(), CPU: float64((ownCPU() - cpu).Microseconds()) / n,
			P50: quantile(took, 0.5), P99: quantile(took, 0.99), More: map[string]float64{"entries found": float64(found) / n},
		}, nil
	}
}

// ask returns how many entries answer a question, up to its limit.
func ask(ctx context.Context, x *audit.Index, q audit.Query) (n int, err error) {
	for {
		found, next, err := x.List(ctx, q)
		n += len(found)
		if err != nil || next == nil || len(found) >= q.Limit {
			return n, err
		}
		q.Before, q.Limit = next, q.Limit-len(found)
	}
}

// indexCost measures the CPU time that deriving takes: the same entries are appended once with it and
// once without.
func indexCost(ctx context.Context, b *bench) (sample, error) {
	const entries = 1 << 18
	var spent [2]time.Duration
	for i, wrap := range []func(audit.Backend) audit.Backend{
		func(s audit.Backend) audit.Backend { return s },
		func(s audit.Backend) audit.Backend { return underived{s} },
	} {
		path := filepath.Join(b.folder, fmt.Sprintf("index-%d-%d.db", b.round, i))
		e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
		if err != nil {
			return sample{}, err
		}
		before := ownCPU()
		_, err = fillLedger(ctx, wrap(e.Ledger), audit.MaxPageEntries, entries, nil)
		spent[i] = ownCPU() - before
		if err := errors.Join(err, e.Close(), os.Remove(path)); err != nil {
			return sample{}, err
		}
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / entries }
	return sample{CPU: each(spent[0] - spent[1]), More: map[string]float64{"us of an append without it": each(spent[1])}}, nil
}

// underived never stores what is derived, so that nothing more is.
type underived struct{ audit.Backend }

// PutBlobs implements audit.Backend.
func (underived) PutBlobs(ctx context.Context, _ []audit.Blob) error {
	<-ctx.Done()
	return ctx.Err()
}

// startGrown starts Piinguin on an SQLite file with as many records and entries.
func startGrown(n int) starter {
	return func(ctx context.Context, b *bench) (*child, error) {
		return b.server(fmt.Sprintf("grown-%d", n), func() (*exec.Cmd, error) {
			path := filepath.Join(b.folder, fmt.Sprintf("grown-%d.db", n))
			e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
			if err != nil {
				return nil, err
			}
			err = fill(ctx, e.Records, n)
			var key audit.Key
			if err == nil {
				key, err = fillLedger(ctx, e.Ledger, audit.MaxPageEntries, n, nil)
			}
			if err := errors.Join(err, e.Close()); err != nil {
				return nil, err
			}
			err = durable.Create(path+".key", 0o600, durable.Bytes([]byte(key.Text(ledgerName)+"\n")))
			return b.piinguin(ctx, "--store", "sqlite:"+path, "--audit-key", path+".key"), err
		})
	}
}
