package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/engine"
)

// pageOfReads is how many entries the measured ledger has in a page: those of 32
// connections that wait for one commit.
const pageOfReads = 32

// verifyRows fills a ledger on SQLite and measures verifying all of it, beside plain
// SHA-256 over its lines, read from memory by one goroutine.
func verifyRows(ctx context.Context, path string, entries int) ([]row, error) {
	e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
	if err != nil {
		return nil, err
	}
	s := e.Ledger
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	l, err := audit.Open(ctx, audit.Config{Store: s, Key: key})
	if err != nil {
		return nil, err
	}
	for n := 0; n < entries; n += pageOfReads {
		for _, r := range l.AppendAll(ctx, reads(n, min(pageOfReads, entries-n))) {
			if r.Err != nil {
				return nil, r.Err
			}
		}
	}
	if err := l.Close(ctx); err != nil {
		return nil, err
	}
	lines, err := audit.Lines(ctx, s, 1, 0, min(int64(entries), 100_000))
	if err != nil {
		return nil, err
	}
	given := key.Verifier()
	const hashed = "SHA-256 of the lines"
	return []row{
		{name: hashed, whole: func(context.Context) (int64, error) {
			for _, line := range lines {
				_ = sha256.Sum256(line)
			}
			return int64(len(lines)), nil
		}},
		{name: "audit verify, SQLite, entries", base: hashed, whole: func(ctx context.Context) (int64, error) {
			r, err := audit.Verify(ctx, s, audit.VerifyOptions{Key: &given})
			if err == nil && len(r.Findings) > 0 {
				err = errors.New("the ledger is not whole")
			}
			if err != nil {
				return 0, err
			}
			return r.Logs[0].Size, nil
		}},
	}, nil
}

func reads(from, n int) []audit.Entry {
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = audit.Entry{
			Operation: audit.Read, Outcome: audit.Granted, Caller: "support-desk", Authentication: "token", Basis: "CONTRACT",
			Purpose: "send the invoice", ModifiedValue: fmt.Sprintf("%064x", from+i), RequestID: rand.Text(),
		}
	}
	return entries
}
