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
				text.WriteString(relaytest.PageView + "\n")
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
}

// An input under the name of another one has nothing that is done.
func TestCheckpointBelongsToItsContent(t *testing.T) {
	two := strings.SplitAfterN(string(mustRead(t, tsvFile)), "\n", 3)
	first, second := two[0], two[1]
	for name, test := range map[string]struct {
		before, after string
		want          int
		calls         int // of the second run
	}{
		"the same":          {first + second, first + second, exitDone, 0},
		"it grew":           {first, first + second, exitDone, 1},
		"another":           {first, second, exitFailure, 0},
		"longer, and other": {first, second + first + second, exitFailure, 0},
		"one byte":          {first + second, strings.Replace(first, "\t", "-\t", 1) + second, exitFailure, 0},
		"a line end":        {first + second, strings.Replace(first, "\n", "\r\n", 1) + second, exitFailure, 0},
		"cut":               {first + second, first, exitFailure, 0},
		"its end lost":      {first + second, strings.TrimSuffix(first+second, "\n"), exitFailure, 0},
		"empty":             {first, "", exitFailure, 0},
		"too long":          {strings.Repeat("x", 5<<20) + "\n" + first, strings.Repeat("x", 5<<20-1) + "y\n" + first, exitFailure, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := relaytest.New(t)
			state, file := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "events.tsv")
			mustWrite(t, file, []byte(test.before))
			runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, file)
			kept, sent := mustRead(t, state), s.Calls()
			mustWrite(t, file, []byte(test.after))
			r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, file)
			if r.exit != test.want || s.Calls()-sent != test.calls {
				t.Errorf("exit %d, %d calls\n%s", r.exit, s.Calls()-sent, r.stderr)
			}
			if test.want != exitFailure {
				return
			}
			if !strings.Contains(r.stderr, file+" is not what it was") || !bytes.Equal(kept, mustRead(t, state)) {
				t.Errorf("the checkpoint is changed, or: %s", r.stderr)
			}
		})
	}
}

// A last line without its end may still be written: it is stored, and not done.
func TestLastLineWithoutItsEnd(t *testing.T) {
	s := relaytest.New(t)
	whole := string(mustRead(t, jsonFile))
	first := strings.SplitAfter(string(mustRead(t, tsvFile)), "\n")[0]
	state, file := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "events")
	steps := []struct {
		text    string
		exit    int
		summary relay.Summary
	}{
		{first + whole[:40], exitFinding, relay.Summary{Events: 2, Quarantined: 1, Pairs: 2, Stored: 2}},
		{first + strings.TrimSuffix(whole, "\n"), exitDone, relay.Summary{Events: 1, Pairs: 1, Stored: 1}},
		{first + whole, exitDone, relay.Summary{Events: 1, Pairs: 1, Stored: 1}},
		{first + whole, exitDone, relay.Summary{}},
	}
	for i, step := range steps {
		mustWrite(t, file, []byte(step.text))
		r := runTest(t.Context(), t, s, nil, nil, "replay", "--json", "--checkpoint", state, file)
		wantSummary(t, r, step.summary)
		if r.exit != step.exit {
			t.Errorf("step %d: exit %d\n%s", i, r.exit, r.stderr)
		}
	}
}

// A checkpoint that cannot be written is noticed before anything is sent.
func TestReplayChecksItsCheckpointFirst(t *testing.T) {
	s := relaytest.New(t)
	for _, state := range []string{"/proc/piinguin.state", filepath.Join(t.TempDir(), "none", "state"), t.TempDir()} {
		r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, jsonFile)
		if r.exit != exitFailure || !strings.Contains(r.stderr, "--checkpoint: ") || s.Calls() != 0 {
			t.Errorf("%s: exit %d, %d calls, says %q", state, r.exit, s.Calls(), r.stderr)
		}
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
	if !strings.HasSuffix(r.stderr, "piinguin-relay: dry run: nothing was sent\n") {
		t.Errorf("stderr %q", r.stderr)
	}
	r = runTest(t.Context(), t, s, nil, map[string]string{"PIINGUIN_DRY_RUN": "true"}, "replay", "--json", tsvFile)
	if strings.Contains(r.stderr, "dry run") || !strings.Contains(r.stdout, `"stored":11`) {
		t.Errorf("a variable makes a dry run: %s%s", r.stdout, r.stderr)
	}
	if r := runTest(t.Context(), t, relaytest.New(t), nil, nil, "replay", "--dry-run", tsvFile); strings.Contains(r.stdout, "superseded") {
		t.Errorf("it speaks of what it did not do:\n%s", r.stdout)
	}
}
