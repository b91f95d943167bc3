package audittest

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// ledgerName is the name of every ledger of the suites.
const ledgerName = "vault.example.com/pii"

// patience is the deadline of appends that have to succeed, however slow the machine is.
const patience = 2 * time.Minute

// newKey returns the same key for the same seed.
func newKey(t *testing.T, seed byte) audit.Key {
	t.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newClock returns a clock that advances by a millisecond after so many readings, so that pages of
// several logs get equal times.
func newClock(readings int64) func() time.Time {
	start := time.Date(2026, time.February, 3, 4, 5, 6, 789_012_000, time.UTC)
	var n atomic.Int64
	return func() time.Time {
		return start.Add(time.Duration(n.Add(1)/readings) * time.Millisecond)
	}
}

// config returns how the suites open a ledger: with the key newKey(1), appends that wait, and no
// CHECKPOINT by time.
func config(t *testing.T, s audit.Store) audit.Config {
	t.Helper()
	return audit.Config{
		Store: s, Key: newKey(t, 1), Name: ledgerName, AppendTimeout: patience, Period: time.Hour, Now: newClock(5),
	}
}

// newLedger opens a ledger that writes so many logs. The end of the test closes it.
func newLedger(t *testing.T, s audit.Store, logs int) *audit.Ledger {
	t.Helper()
	c := config(t, s)
	c.Logs = logs
	return openLedger(t, c)
}

// newLedgerAt is newLedger with a clock that the test moves.
func newLedgerAt(t *testing.T, s audit.Store, clock *handClock, logs int) *audit.Ledger {
	t.Helper()
	c := withClock(config(t, s), clock)
	c.Logs = logs
	return openLedger(t, c)
}

func withClock(c audit.Config, clock *handClock) audit.Config {
	c.Now = clock.now
	return c
}

func openLedger(t *testing.T, c audit.Config) *audit.Ledger {
	t.Helper()
	l, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeLedger(t, l) })
	return l
}

func closeLedger(t *testing.T, l *audit.Ledger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // cleanups run when the test's context is done
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// purposes look like fields of a line, or like parts of one another.
var purposes = []string{"support", `"purpose":"support"`, `support"`, `support\`, `\"reference\":\"support\"`}

// newEntry returns an entry that is different for every n. The fields that a query selects by have
// few different values.
func newEntry(n int) audit.Entry {
	operations := []audit.Operation{audit.Read, audit.Delete, audit.Create, audit.Review}
	outcomes := []audit.Outcome{audit.Granted, audit.Denied, audit.NotFound, audit.Failed}
	e := audit.Entry{
		Operation: operations[n%7%4], Outcome: outcomes[n%5%4], Caller: fmt.Sprintf("caller-%d", n%3),
		Authentication: []string{"token", "mtls"}[n%2],
		Purpose:        purposes[n%len(purposes)], Reference: []string{"", "support", `T\`}[n%5%3], RequestID: fmt.Sprintf("r-%d", n),
	}
	if e.Operation == audit.Read || e.Operation == audit.Delete {
		e.ModifiedValue = fmt.Sprintf("m-%d", n%11%4)
		e.Basis = []string{"CONSENT", "CONTRACT", ""}[n%4%3]
	}
	if e.Operation == audit.Create {
		e.Count = int64(n)
	}
	return e
}

// batch returns the entries newEntry(from) to newEntry(from+n-1).
func batch(from, n int) []audit.Entry {
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = newEntry(from + i)
	}
	return entries
}

// mustAppend appends the entries in one log and returns their receipts.
func mustAppend(t *testing.T, l *audit.Ledger, entries ...audit.Entry) []audit.Receipt {
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

// newPages returns the pages of log 1 as a ledger writes them: the page of the OPEN entry, then one
// page for each batch. The OPEN is the same each time.
func newPages(t *testing.T, batches ...[]audit.Entry) []audit.Page {
	t.Helper()
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	for _, b := range batches {
		mustAppend(t, l, b...)
	}
	return pagesOf(t, m, 1, 0)
}

// smallPages returns n pages.
func smallPages(t *testing.T, n int) []audit.Page {
	t.Helper()
	batches := make([][]audit.Entry, n-1)
	for i := range batches {
		batches[i] = batch(10*i, i%3+1)
	}
	return newPages(t, batches...)
}

func pagesOf(t *testing.T, s audit.Store, log audit.LogID, from int64) []audit.Page {
	t.Helper()
	var pages []audit.Page
	for p, err := range s.Pages(t.Context(), log, from) {
		if err != nil {
			t.Fatalf("Pages(%s, %d): %v", log, from, err)
		}
		pages = append(pages, p)
	}
	return pages
}

func mustCommit(t *testing.T, s audit.Store, pages ...audit.Page) {
	t.Helper()
	for _, p := range pages {
		if err := s.Commit(t.Context(), p); err != nil {
			t.Fatalf("Commit page %d: %v", p.Number, err)
		}
	}
}

// mustBegin writes what a ledger has beside the pages of newPages: its name and key, and a spine that
// lists log 1.
func mustBegin(t *testing.T, s audit.Store) {
	t.Helper()
	m := audit.NewMem()
	newLedger(t, m, 1)
	mustCopy(t, m, s, audit.Spine)
}

// mustCopy copies the name and key of a ledger, and pages of some of its logs.
func mustCopy(t *testing.T, from, to audit.Store, logs ...audit.LogID) {
	t.Helper()
	text, err := from.VerifierKey(t.Context())
	if err != nil {
		t.Fatalf("VerifierKey: %v", err)
	}
	if _, err := to.KeepVerifierKey(t.Context(), text); err != nil {
		t.Fatalf("KeepVerifierKey: %v", err)
	}
	for _, log := range logs {
		mustCommit(t, to, pagesOf(t, from, log, 0)...)
	}
}
