package server_test

import (
	"testing"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestNamesThatAreNoLogs: a name that no log can have is the caller's mistake, and no sign that
// the ledger was changed.
func TestNamesThatAreNoLogs(t *testing.T) {
	s := newMemServer(t, nil)
	auditor := s.as(t, "auditor")
	for _, name := range []string{"ledger/key", "piinguin-1/watermark", "Piinguin-1", "-", "a b", "a\u202eb"} {
		_, err := auditor.GetEntry(t.Context(), &piinguinv1.GetEntryRequest{Log: name})
		wantFailure(t, "GetEntry "+name, err, twirp.InvalidArgument, "log_not_a_name")
		_, err = auditor.GetCheckpoint(t.Context(), &piinguinv1.GetCheckpointRequest{Log: name})
		wantFailure(t, "GetCheckpoint "+name, err, twirp.InvalidArgument, "log_not_a_name")
		_, err = auditor.ProveEntry(t.Context(), &piinguinv1.ProveEntryRequest{Log: name})
		wantFailure(t, "ProveEntry "+name, err, twirp.InvalidArgument, "log_not_a_name")
		_, err = auditor.ProveConsistency(t.Context(), &piinguinv1.ProveConsistencyRequest{Log: name, OldSize: 1})
		wantFailure(t, "ProveConsistency "+name, err, twirp.InvalidArgument, "log_not_a_name")
	}
	_, err := auditor.GetEntry(t.Context(), &piinguinv1.GetEntryRequest{Log: "no-such-log"})
	wantFailure(t, "a name without a log", err, twirp.NotFound, "not_found")
}
