package main_test

import (
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// Reindex derives again what somebody changed, and changes no entry.
func TestReindex(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		in.writeYears(t)
		verify := func(want int) string {
			t.Helper()
			return in.mustRun(t, want, "piinguin", "audit", "verify", "--store", in.store)
		}
		before := verify(0)
		store, done := in.openLedger(t)
		for _, b := range []audit.Blob{{Log: 1, Kind: "tile/0", Number: 77, Data: []byte{1}}, {Log: 1, Kind: "index/2", Number: 5, Data: []byte{1}}} {
			if err := store.PutBlobs(t.Context(), []audit.Blob{b}); err != nil {
				t.Fatal(err)
			}
		}
		done()
		if says := verify(1); !strings.Contains(says, "blob 1/index/2/5") || !strings.Contains(says, "blob 1/tile/0/77") {
			t.Errorf("verify says\n%s", says)
		}
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "reindex", "--store", in.store, "--audit-key", auditKey), "1 ")
		if after := verify(0); after != before {
			t.Errorf("before\n%s\nand after\n%s", before, after)
		}
	})
}
