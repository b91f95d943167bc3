package server_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// largeLedger has entries that no index leads a filter past, so that a list reads all of them.
const largeLedger = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO audit_entries SELECT 'large', i, '2026-01-02T03:04:05.000000Z', 'READ', 'GRANTED', 'app', 'CONSENT', '', printf('%300d', i) FROM n`

// TestReviewingDelaysNoRead: reviewers who search a large ledger have connections of their own.
func TestReviewingDelaysNoRead(t *testing.T) {
	f := newFile(t)
	if _, err := f.handle(t).Exec(largeLedger); err != nil {
		t.Fatal(err)
	}
	v, _ := newTestServer(t, f.records, audit.Config{Store: f.ledger})
	auditor, reader := v.as(t, "auditor"), v.as(t, "reader")
	var ended atomic.Int32
	var lists sync.WaitGroup
	for range 16 {
		lists.Go(func() {
			// One that had to wait too long ends with its deadline.
			_, _ = auditor.ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Basis: piinguinv1.LawfulBasisForProcessing_VITAL_INTERESTS})
			ended.Add(1)
		})
	}
	rounds := 0
	for ; ended.Load() < 4; rounds++ {
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
		t.Errorf("%d reads and probes before the fourth list ended, want 10 or more", rounds)
	}
	lists.Wait()
}
