package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// ledgerName is the name of the ledgers of the tests.
const ledgerName = "vault.example.com/pii"

// canary stands for a personal value: no error may quote it.
const canary = "CANARY"

func mustNotQuote(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(strings.ToUpper(err.Error()), canary) {
		t.Errorf("the error quotes its input: %v", err)
	}
}

func newKey(t testing.TB, seed byte) audit.Key {
	t.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// config returns how the tests open a ledger: without a CHECKPOINT by time.
func config(t testing.TB, s audit.Backend) audit.Config {
	t.Helper()
	return audit.Config{Store: s, Key: newKey(t, 1), Name: ledgerName, Period: 10_000 * time.Hour}
}

func open(t testing.TB, c audit.Config) *audit.Ledger {
	t.Helper()
	l, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return l
}

// newLedger opens a ledger; the test closes it.
func newLedger(t testing.TB, s audit.Backend, logs int) *audit.Ledger {
	t.Helper()
	c := config(t, s)
	c.Logs = logs
	return open(t, c)
}

// openAt opens a ledger whose clock is a variable; the test closes it. Only a closed ledger may have
// its clock changed: the writer's goroutine reads it.
func openAt(t testing.TB, s audit.Backend, now *time.Time) *audit.Ledger {
	t.Helper()
	c := config(t, s)
	c.Now = func() time.Time { return *now }
	return open(t, c)
}

// newFilled returns a store whose logs have five pages each.
func newFilled(t testing.TB, logs int) *audit.Mem {
	t.Helper()
	m := audit.NewMem()
	fill(t, newLedger(t, m, logs), 4*logs)
	return m
}

// fill appends pages of two entries each, and closes the ledger.
func fill(t testing.TB, l *audit.Ledger, pages int) {
	t.Helper()
	for i := range pages {
		mustAppend(t, l, newEntry(2*i), newEntry(2*i+1))
	}
	mustClose(t, l)
}

// mustClose fails where a ledger does not come to its end: a writer that tries for ever would hang the test.
func mustClose(t testing.TB, l *audit.Ledger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func newEntry(n int) audit.Entry {
	return audit.Entry{
		Operation: audit.Read, Outcome: audit.Granted, Caller: "support-desk", Authentication: "token",
		Basis: "CONTRACT", ModifiedValue: fmt.Sprintf("m-%d", n), RequestID: fmt.Sprintf("r-%d", n),
	}
}

// placedEntry is newEntry at a place in a log, fit for Format.
func placedEntry() audit.Entry {
	e := newEntry(1)
	e.Ledger, e.Log, e.Index, e.Time = ledgerName, 1, 7, time.Date(2026, time.February, 3, 4, 5, 6, 123456000, time.UTC)
	return e
}

func mustAppend(t testing.TB, l *audit.Ledger, entries ...audit.Entry) []audit.Receipt {
	t.Helper()
	receipts := make([]audit.Receipt, len(entries))
	for i, r := range l.AppendAll(t.Context(), entries) {
		if r.Err != nil {
			t.Fatalf("append %s: %v", entries[i].RequestID, r.Err)
		}
		receipts[i] = r.Durable.Receipt()
	}
	return receipts
}

// mustVerify returns the report with the store's key, or the one given.
func mustVerify(t *testing.T, s audit.Store, key *audit.VerifierKey) audit.Report {
	t.Helper()
	r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: key})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return r
}

// rows are the rows of the report's findings.
func rows(r audit.Report) []string {
	var names []string
	for _, f := range r.Findings {
		names = append(names, f.Row)
	}
	return names
}
