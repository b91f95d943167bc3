package dynamolog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

const ledgerName = "vault.example.com/pii"

// patience is the deadline of appends that have to succeed, however slow the machine is.
const patience = 2 * time.Minute

// newKey returns the same key each time.
func newKey(t *testing.T) audit.Key {
	t.Helper()
	key, err := audit.GenerateKey(strings.NewReader(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newLedger(t *testing.T, s audit.Store) *audit.Ledger {
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Config{Store: s, Key: newKey(t), Name: ledgerName, Logs: 1, AppendTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, l) })
	return l
}

func mustClose(t *testing.T, l *audit.Ledger) {
	t.Helper()
	if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// mustAppend appends n entries, which are different for every number.
func mustAppend(t *testing.T, l *audit.Ledger, from, n int) {
	t.Helper()
	var entries []audit.Entry
	for i := from; i < from+n; i++ {
		entries = append(entries, audit.Entry{
			Operation: audit.Read, Outcome: audit.Granted, Caller: fmt.Sprintf("caller-%d", i%3), Authentication: "token", Basis: "CONTRACT",
			Purpose: "answer to a customer", Reference: fmt.Sprintf("T-%d", i), ModifiedValue: fmt.Sprintf("%064x", i), RequestID: fmt.Sprintf("%026d", i),
		})
	}
	for _, r := range l.AppendAll(t.Context(), entries) {
		if r.Err != nil {
			t.Fatalf("append: %v", r.Err)
		}
	}
}

func mustBeWhole(t *testing.T, s audit.Store) audit.Report {
	t.Helper()
	r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{})
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("Verify: %v, %v", r.Findings, err)
	}
	return r
}

// mustDerive waits until log 1 has so many runs of the index, of 1,024 entries each.
func mustDerive(t *testing.T, s audit.BlobReader, runs int) {
	t.Helper()
	began := time.Now()
	for have := 0; have < runs; {
		if have = 0; time.Since(began) > patience {
			t.Fatalf("the %d runs are not derived", runs)
		}
		for _, err := range s.Blobs(t.Context(), 1, "run/0", 0) {
			if err != nil {
				t.Fatal(err)
			}
			have++
		}
	}
}
