package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
)

var (
	someHash    = strings.Repeat("0a", 32)
	replayState = `{"piinguin_relay_checkpoint":2,"files":{"/a":{"lines":3,"sha256":"` + someHash + `"}},"quarantined":1}` + "\n"
	tailState   = `{"piinguin_relay_tail":2,"stream":{"arn":"a","created":"2026-01-31T12:00:00Z"},"shards":{"shardId-0":{"sequence_number":"17","done":true}}}` + "\n"
)

// TestStateIsStrict changes a checkpoint in one place. Each change would let a replay or a tail pass over
// events, hide a quarantined line or ask Kinesis in vain for ever.
func TestStateIsStrict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	replay := func() error { _, err := openCheckpoint(path); return err }
	stream := streamID{"a", time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	tail := func() error { _, err := openShards(path, stream); return err }
	for _, tc := range []struct{ from, old, changed string }{
		{replayState, "", ""},
		{replayState, `"quarantined":1`, `"quarantined":-1`},
		{replayState, `"lines":3`, `"lines":-3`},
		{replayState, `"lines":3`, `"lines":1,"lines":3`},
		{replayState, `"lines":3`, `"Lines":3`},
		{replayState, someHash, ""},
		{replayState, someHash, someHash[2:]},
		{replayState, `{"/a"`, `{"/b":null,"/a"`},
		{replayState, `"quarantined"`, `"quarantine"`},
		{replayState, "\n", "{}"},
		{tailState, "", ""},
		{tailState, `"17","done":true`, `"","done":false`},
		{tailState, `"17"`, `"17x"`},
		{tailState, `"17"`, `"-17"`},
		{tailState, `"17"`, `"` + strings.Repeat("1", 129) + `"`},
		{tailState, `"done"`, `"DONE"`},
		{tailState, `"done":true`, `"done":false,"done":true`},
	} {
		mustWrite(t, path, []byte(strings.Replace(tc.from, tc.old, tc.changed, 1)))
		opened, ours := replay, " is not one of piinguin-relay"
		if tc.from == tailState {
			opened, ours = tail, " is not one of piinguin-relay tail"
		}
		err := opened()
		if tc.old == "" && err != nil {
			t.Errorf("as it is written: %v", err)
		}
		if tc.old != "" && (err == nil || err.Error() != "--checkpoint: "+path+ours) {
			t.Errorf("%s for %s: %v", tc.changed, tc.old, err)
		}
	}
}

// A file that cannot be read is told apart from one of another program, and a pipe does not hang.
func TestStateThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{folder: "is not a regular file", pipe: "is not a regular file", folder + "/pipe/x": "not a directory"} {
		r := runTest(t.Context(), t, relaytest.New(t), nil, nil, "replay", "--checkpoint", path, jsonFile)
		if r.exit != exitFailure || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, path) {
			t.Errorf("%s: exit %d, %s", path, r.exit, r.stderr)
		}
	}
}

// JSON cannot hold a name that is not UTF-8. Each such file still has its own place in a checkpoint.
func TestCheckpointOfNamesThatAreNotUTF8(t *testing.T) {
	folder, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	lines := strings.SplitAfter(string(mustRead(t, tsvFile)), "\n")
	for i, name := range []string{"\xfe", "\xff"} {
		mustWrite(t, filepath.Join(folder, name), []byte(lines[i]))
	}
	s := relaytest.New(t)
	for _, want := range []relay.Summary{{Events: 2, Pairs: 8, Stored: 8}, {}} {
		r := runTest(t.Context(), t, s, nil, nil, "replay", "--json", "--checkpoint", state, folder)
		wantSummary(t, r, want)
	}
}

// FuzzParseState: a file is refused, or is taken for one kind and is taken as the same when it is written again.
func FuzzParseState(f *testing.F) {
	for _, state := range []string{replayState, tailState} {
		f.Add([]byte(state))
		f.Add([]byte(strings.Replace(state, ":2", ":1", 1)))
		f.Add([]byte(state[:len(state)/2]))
	}
	f.Add([]byte("null"))
	f.Add([]byte(`{"files":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var replay, replayAgain checkpoint
		var tail, tailAgain shards
		isReplay, isTail := parseState(text, &replay) == nil, parseState(text, &tail) == nil
		switch {
		case isReplay && isTail:
			t.Error("it is taken for both kinds")
		case isReplay:
			wantAgain(t, &replay, &replayAgain)
			if diff := cmp.Diff([]any{replay.Files, replay.Quarantined}, []any{replayAgain.Files, replayAgain.Quarantined}); diff != "" {
				t.Errorf("written again (-want +got):\n%s", diff)
			}
		case isTail:
			wantAgain(t, &tail, &tailAgain)
			if diff := cmp.Diff([]any{tail.Stream, tail.Shards}, []any{tailAgain.Stream, tailAgain.Shards}); diff != "" {
				t.Errorf("written again (-want +got):\n%s", diff)
			}
		}
	})
}

// wantAgain writes a state as the program does, and reads it.
func wantAgain(t *testing.T, s, again state) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := parseState(text, again); err != nil {
		t.Fatalf("%s is not taken again", text)
	}
}
