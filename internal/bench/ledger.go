package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/durable"
	"github.com/piinguin/piinguin/internal/engine"
)

// ledgerName is the name of the ledgers that the bench itself writes.
const ledgerName = "bench.example.com/pii"

// entryOf returns an entry as reads make them.
func entryOf(n int) audit.Entry {
	return audit.Entry{
		Operation: audit.Read, Outcome: audit.Granted, Caller: callerOf(n), Authentication: "token", Basis: "CONTRACT", Policy: "builtin",
		Purpose: "send the invoice", Reference: referenceOf(n), ModifiedValue: subjectOf(n), RequestID: "req-" + keyOf(n)[:16],
	}
}

// A ledger has 200 callers, ten entries a subject and a hundred a reference, spread over all of it.
func callerOf(n int) string { return fmt.Sprintf("support-desk-%d", n%200) }

func subjectOf(n int) string { return keyOf(n % 500_009) }

func referenceOf(n int) string { return fmt.Sprintf("INV-2026-%d", n%50_021) }

func entriesOf(from, n int) []audit.Entry {
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = entryOf(from + i)
	}
	return entries
}

// appendAll appends entries in one call.
func appendAll(ctx context.Context, l *audit.Ledger, entries []audit.Entry) error {
	for _, r := range l.AppendAll(ctx, entries) {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// openLedger opens a ledger to fill it. The deadline of an append is long: nobody waits.
func openLedger(ctx context.Context, s audit.Backend, now func() time.Time) (*audit.Ledger, audit.Key, error) {
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		return nil, key, err
	}
	l, err := audit.Open(ctx, audit.Config{Store: s, Key: key, Name: ledgerName, AppendTimeout: time.Minute, Now: now})
	return l, key, err
}

// month is the time that a filled ledger covers.
const month = 30 * 24 * time.Hour

// clock returns a clock that goes through the month before today with each look at it: a writer
// looks once a page.
func clock(pages int) func() time.Time {
	begin, step := time.Now().Add(-month-24*time.Hour), month/time.Duration(pages+1)
	var looks atomic.Int64
	return func() time.Time { return begin.Add(time.Duration(looks.Add(1)) * step) }
}

// fillLedger appends entries in pages of some size, waits until all is derived from them, and closes
// the ledger. now is its clock; nil is the real one. The largest pages come from several callers, so that the writer never waits for one.
func fillLedger(ctx context.Context, s audit.Backend, page, entries int, now func() time.Time) (audit.Key, error) {
	quiet := &quiet{Backend: s}
	l, key, err := openLedger(ctx, quiet, now)
	if err != nil {
		return key, err
	}
	callers := 1
	if page == audit.MaxPageEntries {
		callers = 4
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for c := range callers {
		wg.Go(func() {
			for errs[c] == nil {
				from := int(next.Add(int64(page))) - page
				if from >= entries {
					return
				}
				errs[c] = appendAll(ctx, l, entriesOf(from, min(page, entries-from)))
			}
		})
	}
	wg.Wait()
	quiet.wait()
	return key, errors.Join(append(errs, l.Close(ctx))...)
}

// quiet knows when something was derived last.
type quiet struct {
	audit.Backend
	last atomic.Int64 // Unix nanoseconds
}

// PutBlobs implements audit.Backend.
func (q *quiet) PutBlobs(ctx context.Context, blobs []audit.Blob) error {
	q.last.Store(time.Now().UnixNano())
	err := q.Backend.PutBlobs(ctx, blobs)
	q.last.Store(time.Now().UnixNano())
	return err
}

// wait returns when nothing was derived for a while.
func (q *quiet) wait() {
	const enough = 2 * time.Second
	for q.last.CompareAndSwap(0, time.Now().UnixNano()); time.Since(time.Unix(0, q.last.Load())) < enough; {
		time.Sleep(enough / 10)
	}
}

// ledgerFile returns an SQLite file with a ledger, and makes it when it is asked for first. Beside it is
// the key's file.
func (b *bench) ledgerFile(ctx context.Context, page, entries int) (string, error) {
	path := filepath.Join(b.folder, fmt.Sprintf("ledger-%d-%d.db", page, entries))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
	if err != nil {
		return "", err
	}
	key, err := fillLedger(ctx, e.Ledger, page, entries, clock(entries/page))
	if err := errors.Join(err, e.Close()); err != nil {
		return "", err
	}
	return path, durable.Create(path+".key", 0o600, durable.Bytes([]byte(key.Text(ledgerName)+"\n")))
}
