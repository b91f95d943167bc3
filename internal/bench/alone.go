package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/engine"
)

// These rows run the ledger alone, in the bench's own process or as a command.

// writerTime is the time an entry that the writer of a ledger takes.
const writerTime = "us of the writer an entry"

// appenders is how many callers append at once in appendAlone.
const appenders = 128

// appendAlone has many callers append for a while, and nothing else. Its CPU time is that of all
// callers and the writer; one over the rate is the writer's time an entry, as it never waits for
// a caller.
func appendAlone(ctx context.Context, b *bench) (sample, error) {
	path := filepath.Join(b.folder, fmt.Sprintf("append-%d.db", b.round))
	e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
	if err != nil {
		return sample{}, err
	}
	defer func() { _ = e.Close(); _ = os.Remove(path) }()
	l, _, err := openLedger(ctx, e.Ledger, nil)
	if err != nil {
		return sample{}, err
	}
	var wg sync.WaitGroup
	counts, errs := make([]int, appenders), make([]error, appenders)
	begun, cpu := time.Now(), ownCPU()
	for a := range appenders {
		wg.Go(func() {
			for n := a; time.Since(begun) < b.length && errs[a] == nil; n += appenders {
				_, errs[a] = l.Append(ctx, entryOf(n))
				counts[a]++
			}
		})
	}
	wg.Wait()
	took, n := time.Since(begun), 0
	for _, c := range counts {
		n += c
	}
	s := sample{Rate: float64(n) / took.Seconds(), CPU: float64((ownCPU() - cpu).Microseconds()) / float64(n)}
	s.More = map[string]float64{writerTime: 1e6 / s.Rate}
	return s, errors.Join(append(errs, l.Close(ctx))...)
}

// ownCPU returns the CPU time of this process so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// verify measures the command, its start included, over a ledger with pages of some size.
func verify(page, entries int, flags ...string) func(ctx context.Context, b *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		path, err := b.ledgerFile(ctx, page, entries)
		if err != nil {
			return sample{}, err
		}
		args := append([]string{"audit", "verify", "--store", "sqlite:" + path}, flags...)
		cmd := b.program(ctx, "piinguin", args...)
		begun := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return sample{}, fmt.Errorf("%w: %s", err, out)
		}
		took, state := time.Since(begun), cmd.ProcessState
		s := sample{Rate: float64(entries) / took.Seconds()}
		s.CPU = float64((state.UserTime() + state.SystemTime()).Microseconds()) / float64(entries)
		if u, ok := state.SysUsage().(*syscall.Rusage); ok {
			s.More = map[string]float64{"MB of memory": float64(u.Maxrss) / 1024}
		}
		return s, nil
	}
}

// unitsOfPages counts what entries cost on DynamoDB if each page has some of them, with all that is
// derived from the pages. Nothing waits, so that many pages are written soon.
func unitsOfPages(page, entries int) func(ctx context.Context, b *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		c, err := b.plain(ctx, "memory", "0s", "0s")
		if err != nil {
			return sample{}, err
		}
		t, err := b.newTables(ctx, c.url)
		if err != nil {
			return sample{}, err
		}
		before, err := meterOf(c.url)
		if err != nil {
			return sample{}, err
		}
		if _, err := fillLedger(ctx, dynamolog.New(b.client(c.url), t.audit), page, entries, nil); err != nil {
			return sample{}, err
		}
		after, err := meterOf(c.url)
		return sample{More: after.since(before).each(float64(entries))}, err
	}
}
