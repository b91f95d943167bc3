package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/mototest"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// inMoto makes the AWS SDK's own settings those of moto.
func inMoto(t *testing.T) []string {
	t.Helper()
	return []string{
		"AWS_ENDPOINT_URL=" + mototest.Endpoint(t), "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=piinguin", "AWS_SECRET_ACCESS_KEY=piinguin",
	}
}

// putEvents puts the lines of a file into a stream, over all its shards.
func putEvents(t *testing.T, client *kinesis.Client, stream, file string) {
	t.Helper()
	var batch []types.PutRecordsRequestEntry
	for line := range bytes.Lines(mustRead(t, file)) {
		key := fmt.Sprint(len(batch))
		batch = append(batch, types.PutRecordsRequestEntry{Data: bytes.Clone(line), PartitionKey: &key})
	}
	if _, err := client.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: &stream, Records: batch}); err != nil {
		t.Fatal(err)
	}
}

// putAggregated puts the lines of a file into one record.
func putAggregated(t *testing.T, client *kinesis.Client, stream, file string) {
	t.Helper()
	key := "aggregated"
	record := relaytest.Aggregate(strings.Split(strings.TrimSpace(string(mustRead(t, file))), "\n")...)
	if _, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &stream, Data: record, PartitionKey: &key}); err != nil {
		t.Fatal(err)
	}
}

// startTail runs the command until the test ends it.
func startTail(t *testing.T, s *relaytest.Server, stream, state string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "tail", "--stream", stream, "--checkpoint", state) //nolint:gosec // this test's own binary
	cmd.Env = append(append(os.Environ(), inMoto(t)...), "PIINGUIN_RELAY_TEST_MAIN=1", "PIINGUIN_HOST="+s.URL, "PIINGUIN_TOKEN="+relaytest.Token)
	cmd.Env = append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, &out
}

// until waits for what another process does, far longer than it takes.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// TestTail relays a stream of two shards with a server that fails now and then, is killed,
// and goes on where it stopped.
func TestTail(t *testing.T) {
	client, stream := mototest.Kinesis(t, 2)
	folder, want := writeEvents(t, 3, 400)
	s := relaytest.New(t)
	var calls atomic.Int64
	s.OnCall(func(_ int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch n := calls.Add(1); {
		case n <= 4: // no client sends that again: the shards have to
			w.WriteHeader(http.StatusNotFound)
		case n%3 == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			next.ServeHTTP(w, r)
		}
	})
	state := filepath.Join(t.TempDir(), "state")
	putEvents(t, client, stream, filepath.Join(folder, "run-0"))
	putEvents(t, client, stream, tsvFile) // with a line that is quarantined
	putAggregated(t, client, stream, jsonFile)
	queues, queue := mototest.SQS(t)
	cmd, out := startTail(t, s, stream, state, "PIINGUIN_QUARANTINE="+queue)
	until(t, "the first events", func() bool { return s.Originals()["m-0-0"] != "" && s.Originals()["m-0-398"] != "" })
	until(t, "the aggregated event", func() bool {
		return s.Originals()["904bcc4217349a0cb4744ff334b54c968784c919b80b055652f7d570534fb454"] != ""
	})
	until(t, "the quarantine", func() bool {
		m := mototest.Receive(t, queues, queue)
		return strings.Contains(m, `"stream":"`+stream+`","shard":"shardId-`)
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if strings.Contains(out.String(), "c4n4ry") || strings.Contains(out.String(), "acme.com") {
		t.Errorf("an original value is printed:\n%s", out)
	}

	putEvents(t, client, stream, filepath.Join(folder, "run-2"))
	cmd, out = startTail(t, s, stream, state)
	got := func() map[string]string {
		events := map[string]string{}
		for k, v := range s.Originals() {
			if strings.HasPrefix(k, "m-") {
				events[k] = v
			}
		}
		return events
	}
	for id := range want {
		if strings.HasPrefix(id, "m-1-") { // of a file that was not put
			delete(want, id)
		}
	}
	until(t, "all events", func() bool { return len(got()) == len(want) })
	if diff := cmp.Diff(want, got()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "tail ends") || strings.Contains(out.String(), "c4n4ry") {
		t.Errorf("the end: %v\n%s", err, out)
	}
}

func TestTailRefuses(t *testing.T) {
	s := relaytest.New(t)
	client, stream := mototest.Kinesis(t, 1)
	for _, name := range inMoto(t) {
		key, value, _ := strings.Cut(name, "=")
		t.Setenv(key, value)
	}
	state := filepath.Join(t.TempDir(), "state")
	other, err := openShards(state, streamID{ARN: "arn:aws:kinesis:eu-central-1:123456789012:stream/another"})
	if err != nil || other.reached("shardId-0", "1") != nil {
		t.Fatal(err)
	}
	before, err := identify(t.Context(), client, stream)
	if err != nil || before.ARN == "" || before.Created.IsZero() {
		t.Fatalf("the stream is %v: %v", before, err)
	}
	before.Created = before.Created.Add(-time.Hour)
	old, err := openShards(state+"3", before)
	if err != nil || old.reached("shardId-0", "1") != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no stream":      {[]string{"tail", "--checkpoint", "c"}, "--stream"},
		"no checkpoint":  {[]string{"tail", "--stream", stream}, "--checkpoint"},
		"other file":     {[]string{"tail", "--stream", stream, "--checkpoint", jsonFile}, "is not one of"},
		"other stream":   {[]string{"tail", "--stream", stream, "--checkpoint", state}, "of another stream"},
		"made anew":      {[]string{"tail", "--stream", stream, "--checkpoint", state + "3"}, "of a stream of this name that was made at "},
		"no such stream": {[]string{"tail", "--stream", stream + "-nope", "--checkpoint", state + "2"}, "ResourceNotFoundException"},
	} {
		if r := runTest(t.Context(), t, s, nil, nil, tc.args...); r.exit != exitFailure || !strings.Contains(r.stderr, tc.want) {
			t.Errorf("%s: exit %d\n%s", name, r.exit, r.stderr)
		}
	}
}
