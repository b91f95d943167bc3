package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/relay/relaytest"
)

// TestReplayGoesOnAfterAFailure: the server fails in the middle of a replay, at whatever
// call. The run after it, from the checkpoint, stores the rest: no original is passed over.
func TestReplayGoesOnAfterAFailure(t *testing.T) {
	folder, want := writeEvents(t, 2, 2600) // five calls a file
	for failing := 1; failing <= 10; failing++ {
		t.Run(fmt.Sprint("call ", failing), func(t *testing.T) {
			s := relaytest.New(t)
			s.OnCall(func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
				if n == failing {
					w.WriteHeader(http.StatusNotFound) // no client sends that again
					return
				}
				next.ServeHTTP(w, r)
			})
			state := filepath.Join(t.TempDir(), "state")
			if r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, folder); r.exit != exitFailure {
				t.Fatalf("exit %d while the server fails\n%s", r.exit, r.stderr)
			}
			sent := s.Calls()
			if sent != failing {
				t.Errorf("%d calls, of which the %dth failed: it went on", sent, failing)
			}
			if r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, folder); r.exit != exitDone {
				t.Fatalf("exit %d\n%s", r.exit, r.stderr)
			}
			if diff := cmp.Diff(want, s.Originals()); diff != "" {
				t.Errorf("stored (-want +got):\n%.1000s", diff)
			}
			if again := s.Calls() - sent; again != 10-failing+1 {
				t.Errorf("%d calls in the run after it, want %d: what is done is sent again", again, 10-failing+1)
			}
		})
	}
}
