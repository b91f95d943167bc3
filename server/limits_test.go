package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

// TestLimitsAgree holds the packages that may not import the contract to its numbers: the
// ledger takes every text that the API takes and none that is longer, and the store takes a
// batch of the API.
func TestLimitsAgree(t *testing.T) {
	for name, c := range map[string]struct {
		limit int
		set   func(e *audit.Entry, text string)
	}{
		"modified_value": {piinguinv1.MaxStoredModifiedValue, func(e *audit.Entry, text string) { e.ModifiedValue = text }},
		"purpose":        {piinguinv1.MaxText, func(e *audit.Entry, text string) { e.Purpose = text }},
		"reference":      {piinguinv1.MaxText, func(e *audit.Entry, text string) { e.Reference = text }},
		"on_behalf_of":   {piinguinv1.MaxText, func(e *audit.Entry, text string) { e.OnBehalfOf = text }},
		"caller":         {piinguinv1.MaxCaller, func(e *audit.Entry, text string) { e.Caller = text }},
	} {
		for n, want := range map[int]bool{c.limit: true, c.limit + 1: false} {
			e := audit.Entry{Ledger: ledgerName, Log: 1, Time: time.Unix(1, 0), Operation: audit.Read, Outcome: audit.Granted, RequestID: "r"}
			c.set(&e, strings.Repeat("x", n))
			if _, err := e.Format(); (err == nil) != want {
				t.Errorf("the ledger and a %s of %d bytes: %v", name, n, err)
			}
		}
	}
	if vault.MaxReleased != piinguinv1.MaxAnswerValues {
		t.Errorf("the vault releases %d bytes, and an answer has %d", vault.MaxReleased, piinguinv1.MaxAnswerValues)
	}
	if audit.MaxLogs != piinguinv1.MaxLogs || audit.Spine.String() != piinguinv1.Spine {
		t.Errorf("the ledger has a log %s and %d others, and the API %s and %d", audit.Spine, audit.MaxLogs, piinguinv1.Spine, piinguinv1.MaxLogs)
	}
	if audit.MaxValues != piinguinv1.MaxFilterValues || audit.MaxRequestWindow != piinguinv1.MaxRequestWindow {
		t.Error("the ledger takes other filters than the API")
	}
	if audit.MaxSummaryDays != piinguinv1.MaxSummaryDays || audit.MaxSummaryRows != piinguinv1.MaxSummaryRows {
		t.Error("the ledger makes other summaries than the API")
	}
	for _, d := range audit.Dimensions() {
		if piinguinv1.Dimension_value[strings.ToUpper(string(d))] == 0 {
			t.Errorf("the API does not count by %s", d)
		}
	}
	if store.MaxBatch != piinguinv1.MaxBatch {
		t.Errorf("the store takes %d items, and the API %d", store.MaxBatch, piinguinv1.MaxBatch)
	}
}
