package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestNamesThatAreNoLogs: a name that no log can have is the caller's mistake, and no sign that
// the ledger was changed.
func TestNamesThatAreNoLogs(t *testing.T) {
	s := newMemServer(t, nil)
	auditor := s.as(t, "auditor")
	for _, name := range []string{"0", "65", "01", "+1", "-1", "1.0", "1e0", "Spine", "spine/1", ledgerName, ledgerName + "/1", "~ledger", "../1", "a b", "a\u202eb", "9223372036854775808"} {
		for _, path := range []string{"/log/0/checkpoint", "/log/65/checkpoint", "/log/" + ledgerName + "/checkpoint", "/log/..%2f1/checkpoint"} {
			status, body := s.send(t, http.MethodGet, path, "dev-auditor", nil)
			if status != http.StatusBadRequest || !strings.Contains(body, `"log_not_a_log"`) {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		_, err := auditor.GetEntry(t.Context(), &piinguinv1.GetEntryRequest{Log: name})
		wantFailure(t, "GetEntry "+name, err, twirp.InvalidArgument, "log_not_a_log")
		_, err = auditor.GetCheckpoint(t.Context(), &piinguinv1.GetCheckpointRequest{Log: name})
		wantFailure(t, "GetCheckpoint "+name, err, twirp.InvalidArgument, "log_not_a_log")
		_, err = auditor.ProveEntry(t.Context(), &piinguinv1.ProveEntryRequest{Log: name})
		wantFailure(t, "ProveEntry "+name, err, twirp.InvalidArgument, "log_not_a_log")
		_, err = auditor.ProveConsistency(t.Context(), &piinguinv1.ProveConsistencyRequest{Log: name, OldSize: 1})
		wantFailure(t, "ProveConsistency "+name, err, twirp.InvalidArgument, "log_not_a_log")
	}
	for _, path := range []string{"/log/0/checkpoint", "/log/65/checkpoint", "/log/" + ledgerName + "/checkpoint", "/log/..%2f1/checkpoint"} {
		status, body := s.send(t, http.MethodGet, path, "dev-auditor", nil)
		if status != http.StatusBadRequest || !strings.Contains(body, `"log_not_a_log"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	_, err := auditor.GetEntry(t.Context(), &piinguinv1.GetEntryRequest{Log: "2"})
	wantFailure(t, "a name without a log", err, twirp.NotFound, "not_found")
}
