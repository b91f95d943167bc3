package server_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// newLargeLedger gives the store entries that match no filter, so that a list reads all of them.
func newLargeLedger(t *testing.T, s audit.Store) {
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Config{Store: s, Key: newTestKey(t), Name: ledgerName, AppendTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]audit.Entry, audit.MaxPageEntries)
	for i := range entries {
		entries[i] = audit.Entry{Operation: audit.Read, Outcome: audit.Granted, Purpose: strings.Repeat("p", 300), RequestID: "r"}
	}
	for range 400 {
		for _, r := range l.AppendAll(t.Context(), entries) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestReviewingDelaysNoRead: reviewers who search a large ledger have connections of their own.
func TestReviewingDelaysNoRead(t *testing.T) {
	f := newFile(t)
	newLargeLedger(t, f.ledger)
	v, _ := newTestServer(t, f.records, audit.Config{Store: f.ledger, AppendTimeout: time.Minute})
	auditor, reader := v.as(t, "auditor"), v.as(t, "reader")
	var ended atomic.Int32
	var lists sync.WaitGroup
	for range 16 {
		lists.Go(func() {
			// One that had to wait too long ends with its deadline.
			_, _ = auditor.ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Bases: []piinguinv1.LawfulBasisForProcessing{piinguinv1.LawfulBasisForProcessing_VITAL_INTERESTS}})
			ended.Add(1)
		})
	}
	rounds := 0
	for ; ended.Load() < 12; rounds++ {
		if _, err := reader.ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
			t.Error(err)
		}
		if status, body := v.get(t, "/readyz"); status != http.StatusOK {
			t.Errorf("/readyz: %d %q", status, body)
		}
	}
	// On a busy machine the lists may all end together, at their deadline: how many have ended by
	// now says nothing.
	if rounds < 10 {
		t.Errorf("%d reads and probes before the twelfth list ended, want 10 or more", rounds)
	}
	lists.Wait()
}
