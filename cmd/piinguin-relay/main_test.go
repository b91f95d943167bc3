package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
)

const (
	samples  = "../../relay/testdata/"
	tsvFile  = samples + "pii_events.tsv"
	jsonFile = samples + "pii_events.jsonl"
)

// TestMain lets a test start this binary as the program itself.
func TestMain(m *testing.M) {
	if os.Getenv("PIINGUIN_RELAY_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

type result struct {
	exit           int
	stdout, stderr string
}

// runTest runs the command against a server, with standard input and variables.
func runTest(ctx context.Context, t *testing.T, s *relaytest.Server, stdin io.Reader, env map[string]string, args ...string) result {
	t.Helper()
	all := map[string]string{"PIINGUIN_HOST": s.URL, "PIINGUIN_TOKEN": relaytest.Token, "PIINGUIN_TIMEOUT_SEC": "3600"}
	for k, v := range env {
		all[k] = v
	}
	var stdout, stderr bytes.Buffer
	var environ []string
	for k, v := range all {
		environ = append(environ, k+"="+v)
	}
	exit := run(ctx, args, func(k string) string { return all[k] }, environ, stdin, &stdout, &stderr)
	r := result{exit, stdout.String(), stderr.String()}
	for value := range strings.SplitSeq("acme.com 10.0.2.x alex its_you_again 70.46.123 50.56.129 kůň "+relaytest.Token, " ") {
		if strings.Contains(r.stdout+r.stderr, value) {
			t.Errorf("the output holds %q", value)
		}
	}
	return r
}

func wantSummary(t *testing.T, r result, want relay.Summary) {
	t.Helper()
	var got relay.Summary
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("stdout %q: %v", r.stdout, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func wantStored(t *testing.T, s *relaytest.Server) {
	t.Helper()
	text, err := os.ReadFile(samples + "expected_pairs.json")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

var sampleSummary = relay.Summary{Events: 7, Skipped: 1, Quarantined: 1, Pairs: 14, Merged: 2, Stored: 12}

func TestReplaySamples(t *testing.T) {
	s := relaytest.New(t)
	r := runTest(t.Context(), t, s, nil, nil, "replay", "--json", tsvFile, jsonFile)
	wantSummary(t, r, sampleSummary)
	wantStored(t, s)
	if want := tsvFile + ":6: " + string(relay.ReasonFields) + "\n"; r.exit != exitFinding || r.stderr != want {
		t.Errorf("exit %d, stderr %q", r.exit, r.stderr)
	}
	again := runTest(t.Context(), t, s, nil, nil, "replay", "--json", tsvFile, jsonFile)
	if again.exit != exitFinding {
		t.Errorf("the second run exits %d", again.exit)
	}
	wantStored(t, s)
	if clean := runTest(t.Context(), t, s, nil, nil, "replay", jsonFile); clean.exit != exitDone || clean.stderr != "" {
		t.Errorf("without the bad line: exit %d, stderr %q", clean.exit, clean.stderr)
	}
}

func TestReplayTable(t *testing.T) {
	r := runTest(t.Context(), t, relaytest.New(t), nil, nil, "replay", tsvFile, jsonFile)
	for _, row := range []string{"events 7 ", "skipped 1 ", "quarantined 1 ", "pairs 14 ", "stored 12 "} {
		if !strings.Contains(strings.Join(strings.Fields(r.stdout), " ")+" ", row) {
			t.Errorf("the table lacks %q:\n%s", row, r.stdout)
		}
	}
}

func TestReplayStdinAndGzip(t *testing.T) {
	s := relaytest.New(t)
	packed := filepath.Join(t.TempDir(), "without-extension")
	var half bytes.Buffer // two members, as appended logs are
	half.Write(mustGzip(t, mustRead(t, jsonFile)))
	half.Write(mustGzip(t, mustRead(t, tsvFile)))
	if err := os.WriteFile(packed, half.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSummary(t, runTest(t.Context(), t, s, nil, nil, "replay", "--json", packed), sampleSummary)
	wantStored(t, s)

	s = relaytest.New(t)
	in := bytes.NewReader(mustGzip(t, mustRead(t, tsvFile)))
	r := runTest(t.Context(), t, s, in, nil, "replay", "--json", "-", jsonFile)
	wantSummary(t, r, sampleSummary)
	wantStored(t, s)
	if !strings.HasPrefix(r.stderr, "stdin:6: ") {
		t.Errorf("stderr %q", r.stderr)
	}
}

func TestReplayEmptyInput(t *testing.T) {
	r := runTest(t.Context(), t, relaytest.New(t), strings.NewReader(""), nil, "replay", "--json", "-")
	wantSummary(t, r, relay.Summary{})
	if r.exit != exitDone {
		t.Errorf("exit %d, stderr %q", r.exit, r.stderr)
	}
}

func TestFlagsStandBeforeTheEnvironment(t *testing.T) {
	s := relaytest.New(t)
	host, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	env := map[string]string{"PIINGUIN_HOST": host, "PIINGUIN_PORT": port}
	if r := runTest(t.Context(), t, s, nil, env, "replay", jsonFile); r.exit != exitDone {
		t.Errorf("host and port of the environment: exit %d, %s", r.exit, r.stderr)
	}
	env = map[string]string{"PIINGUIN_HOST": "host.invalid", "PIINGUIN_PORT": "bad", "PIINGUIN_TOKEN": "wrong", "PIINGUIN_TIMEOUT_SEC": "bad"}
	r := runTest(t.Context(), t, s, nil, env, "replay", "--host", host, "--port", port, "--token", relaytest.Token,
		"--timeout-sec", "3600", jsonFile)
	if r.exit != exitDone {
		t.Errorf("flags: exit %d, %s", r.exit, r.stderr)
	}
}

func TestUsageFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"no file":          {nil, []string{"replay"}, "name a file"},
		"unknown command":  {nil, []string{"reply"}, "unknown command"},
		"unknown flag":     {nil, []string{"replay", "--nope", jsonFile}, "unknown flag"},
		"missing file":     {nil, []string{"replay", jsonFile, "nope.tsv"}, "nope.tsv"},
		"empty folder":     {nil, []string{"replay", jsonFile, t.TempDir()}, "holds no file"},
		"stdin kept":       {nil, []string{"replay", "--checkpoint", filepath.Join(t.TempDir(), "c"), "-"}, "is for files"},
		"no checkpoint":    {nil, []string{"replay", "--checkpoint", jsonFile, jsonFile}, "is not one of piinguin-relay"},
		"dry and kept":     {nil, []string{"replay", "--dry-run", "--checkpoint", "c", jsonFile}, "--dry-run"},
		"stdin twice":      {nil, []string{"replay", "-", "-"}, "once"},
		"port variable":    {map[string]string{"PIINGUIN_PORT": "c4n4ry"}, []string{"replay", jsonFile}, "PIINGUIN_PORT"},
		"timeout variable": {map[string]string{"PIINGUIN_TIMEOUT_SEC": "0"}, []string{"replay", jsonFile}, "--timeout-sec"},
		"port":             {nil, []string{"replay", "--host", "h", "--port", "65536", jsonFile}, "--port"},
	} {
		t.Run(name, func(t *testing.T) {
			s := relaytest.New(t)
			r := runTest(t.Context(), t, s, strings.NewReader(""), tc.env, tc.args...)
			if r.exit != exitFailure || !strings.Contains(r.stderr, tc.want) || strings.Contains(r.stderr, "c4n4ry") {
				t.Errorf("exit %d, stderr %q", r.exit, r.stderr)
			}
			if s.Calls() != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func TestFailuresExitTwoWithTheSummary(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	want := relay.Summary{Events: 1, Pairs: 1, Failed: 1}
	for name, tc := range map[string]struct {
		env   map[string]string
		fault relaytest.OnCall
		want  string
	}{
		"unreachable":  {map[string]string{"PIINGUIN_HOST": closed.URL}, nil, "nothing listens at the server's address"},
		"wrong token":  {map[string]string{"PIINGUIN_TOKEN": "wrong"}, nil, "PIINGUIN_TOKEN"},
		"wrong role":   {nil, relaytest.Fail(twirp.PermissionDenied, "flat@acme.com"), "may not create"},
		"server error": {nil, relaytest.Fail(twirp.Internal, "flat@acme.com"), "the server failed"},
		"lost answer":  {nil, relaytest.Drop, "the connection to the server was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			s := relaytest.New(t)
			s.OnCall(tc.fault)
			r := runTest(t.Context(), t, s, nil, tc.env, "replay", "--json", jsonFile)
			wantSummary(t, r, want)
			if r.exit != exitFailure || !strings.Contains(r.stderr, tc.want) {
				t.Errorf("exit %d, stderr %q", r.exit, r.stderr)
			}
		})
	}
}

func TestDamagedGzipStoresWhatIsBeforeIt(t *testing.T) {
	s := relaytest.New(t)
	whole := append(mustGzip(t, mustRead(t, jsonFile)), mustGzip(t, mustRead(t, tsvFile))...)
	r := runTest(t.Context(), t, s, bytes.NewReader(whole[:len(whole)-40]), nil, "replay", "--json", "-")
	if r.exit != exitFinding || !strings.Contains(r.stderr, "stdin: unexpected EOF") || len(s.Originals()) == 0 {
		t.Errorf("exit %d, stderr %q, %d stored", r.exit, r.stderr, len(s.Originals()))
	}
}

// stalledReader is an input that gives some text and then nothing, as a terminal does;
// that it was asked for more is told once.
type stalledReader struct {
	text  io.Reader
	asked func()
}

func (r stalledReader) Read(p []byte) (int, error) {
	if n, err := r.text.Read(p); err == nil {
		return n, nil
	}
	r.asked()
	select {}
}

func TestInterruptEndsAReadThatWaits(t *testing.T) {
	s := relaytest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in := stalledReader{bytes.NewReader(mustRead(t, jsonFile)), cancel}
	r := runTest(ctx, t, s, in, nil, "replay", "--json", "-")
	if r.exit != exitFailure || r.stderr != "piinguin-relay: interrupted\n" {
		t.Errorf("exit %d, stderr %q", r.exit, r.stderr)
	}
	var sum relay.Summary
	if err := json.Unmarshal([]byte(r.stdout), &sum); err != nil || sum.Pairs != sum.Failed {
		t.Errorf("summary %q: %v", r.stdout, err)
	}
}

// Opening a named pipe waits for somebody to write, and does not wait on after an interrupt.
func TestInterruptEndsAnOpenThatWaits(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := runTest(ctx, t, relaytest.New(t), nil, nil, "replay", pipe)
	if r.exit != exitFailure || r.stderr != "piinguin-relay: "+pipe+": interrupted\n" {
		t.Errorf("exit %d, stderr %q", r.exit, r.stderr)
	}
}

func TestHelpExplains(t *testing.T) {
	r := runTest(t.Context(), t, relaytest.New(t), nil, nil, "replay", "--help")
	for _, want := range []string{"process list", "PIINGUIN_TIMEOUT_SEC", "Exit codes", "Examples", `"127.0.0.1"`, strconv.Itoa(8080)} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the help lacks %q", want)
		}
	}
	if r.exit != exitDone {
		t.Errorf("exit %d", r.exit)
	}
}

// TestBar: the bar shows the events and how many come in a second, and an input longer
// than the bar is read to its end.
func TestBar(t *testing.T) {
	var screen bytes.Buffer
	bar := testBar(&screen, []*source{{size: 200}, {size: 1}})
	got, err := io.ReadAll(bar.count(strings.NewReader(strings.Repeat("longer than that", 20))))
	bar.clear()
	if err != nil || len(got) != 320 || !strings.Contains(screen.String(), "replay") {
		t.Errorf("read %d bytes: %v; drew %q", len(got), err, screen.String())
	}
	if have := bar.bar.State().Description; !strings.HasPrefix(have, "replay: 42 events, ") {
		t.Errorf("the bar says %q", have)
	}
	for _, sources := range [][]*source{nil, {{size: 5}, {size: -1}, {size: 5}}} {
		bar := testBar(io.Discard, sources)
		if _, err := io.ReadAll(bar.count(strings.NewReader("some"))); err != nil {
			t.Error(err)
		}
	}
	if have := pace(100, 4*time.Second); have != "replay: 100 events, 25/s" {
		t.Errorf("the pace is %q", have)
	}
}

func testBar(screen io.Writer, sources []*source) *progress {
	return &progress{bar: newBar(screen, sources), events: func() int { return 42 }, began: time.Now()}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func mustWrite(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustGzip(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
