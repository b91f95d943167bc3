package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// writeEvents writes files of events with a pair each, some of other kinds between, and
// returns the folder and what is to be stored.
func writeEvents(t *testing.T, files, each int) (folder string, want map[string]string) {
	t.Helper()
	folder, want = t.TempDir(), map[string]string{}
	for f := range files {
		var text bytes.Buffer
		for n := range each {
			id := fmt.Sprintf("m-%d-%d", f, n)
			if n%5 == 4 {
				text.WriteString(`{"event":"page_view","event_name":"page_view"}` + "\n")
				continue
			}
			want[id] = "c4n4ry-" + id
			_, _ = fmt.Fprintf(&text, `{"collector_tstamp":"2026-01-31T12:00:00.000Z","event_name":"pii_transformation",`+
				`"unstruct_event_com_snowplowanalytics_snowplow_pii_transformation_1":{"pii":{"pojo":[`+
				`{"fieldName":"user_id","originalValue":%q,"modifiedValue":%q}]},"strategy":{"pseudonymize":{"hashFunction":"SHA-256"}}}}`+"\n",
				want[id], id)
		}
		content := text.Bytes()
		if f%2 == 1 {
			content = mustGzip(t, content)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("run-%d", f)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder, want
}

// TestReplayGoesOn kills a replay with SIGKILL and starts it again, until it is done: all is
// stored, as by one clean run, and what was done is not sent again.
func TestReplayGoesOn(t *testing.T) {
	folder, want := writeEvents(t, 4, 25_000)
	s := relaytest.New(t)
	state := filepath.Join(t.TempDir(), "state")
	var running atomic.Pointer[os.Process]
	s.OnCall(func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(w, r)
		if n%37 == 0 {
			_ = running.Load().Kill()
		}
	})
	runs := 0
	for done := false; !done; runs++ {
		if runs > 100 {
			t.Fatal("it never comes to its end")
		}
		process := exec.CommandContext(t.Context(), os.Args[0], "replay", "--checkpoint", state, folder) //nolint:gosec // this test's own binary
		process.Env = append(os.Environ(), "PIINGUIN_RELAY_TEST_MAIN=1", "PIINGUIN_HOST="+s.URL, "PIINGUIN_TOKEN="+relaytest.Token)
		var out bytes.Buffer
		process.Stdout, process.Stderr = &out, &out
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		running.Store(process.Process)
		err := process.Wait()
		if done = err == nil; !done && process.ProcessState.Exited() {
			t.Fatalf("run %d: %v\n%s", runs, err, &out)
		}
		if bytes.Contains(out.Bytes(), []byte("c4n4ry")) {
			t.Fatal("an original value is printed")
		}
	}
	if diff := cmp.Diff(want, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	sent := s.Calls()
	if clean := len(want)/500 + 4; runs < 4 || sent > clean+2*runs {
		t.Errorf("%d calls in %d runs; one clean run makes about %d", sent, runs, clean)
	}
	if r := runTest(t.Context(), t, s, nil, nil, "replay", "--json", "--checkpoint", state, folder); r.exit != exitDone || s.Calls() != sent {
		t.Errorf("once more: exit %d, %d calls\n%s", r.exit, s.Calls()-sent, r.stderr)
	}
}

// A quarantined line of an earlier run is still a finding of the run that ends.
func TestReplayRemembersFindings(t *testing.T) {
	s := relaytest.New(t)
	state := filepath.Join(t.TempDir(), "state")
	for range 2 {
		if r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, tsvFile); r.exit != exitFinding {
			t.Errorf("exit %d, want a finding\n%s", r.exit, r.stderr)
		}
	}
	wantCalls := s.Calls()
	r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, tsvFile)
	if r.exit != exitFinding || s.Calls() != wantCalls || !strings.Contains(r.stderr, "quarantined by the runs before this one: 1\n") {
		t.Errorf("exit %d and %d calls, want none\n%s", r.exit, s.Calls()-wantCalls, r.stderr)
	}
	short := filepath.Join(t.TempDir(), "short.tsv")
	if err := os.WriteFile(short, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, short)
	if err := os.WriteFile(short, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, short); r.exit != exitFailure || !strings.Contains(r.stderr, "shorter") {
		t.Errorf("a file that was cut: exit %d\n%s", r.exit, r.stderr)
	}
}

func TestReplayDry(t *testing.T) {
	s := relaytest.New(t)
	r := runTest(t.Context(), t, s, nil, nil, "replay", "--dry-run", "--json", tsvFile, jsonFile)
	var got relay.Summary
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatal(err)
	}
	want := relay.Summary{Events: 7, Skipped: 1, Quarantined: 1, Pairs: 14}
	if diff := cmp.Diff(want, got); diff != "" || r.exit != exitFinding || s.Calls() != 0 {
		t.Errorf("exit %d, %d calls, summary (-want +got):\n%s", r.exit, s.Calls(), diff)
	}
	if r := runTest(t.Context(), t, s, nil, nil, "replay", "--dry-run", tsvFile); strings.Contains(r.stdout, "superseded") {
		t.Errorf("it speaks of what it did not do:\n%s", r.stdout)
	}
}
