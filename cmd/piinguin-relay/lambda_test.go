package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/relay/relaytest"
)

// runtimeAPI is AWS Lambda's side: it hands out one invocation and takes its answer.
type runtimeAPI struct {
	event    []byte
	answered chan string
	done     chan struct{} // closed when the test ends
	given    atomic.Bool
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/extension/register"):
		w.Header().Set("Lambda-Extension-Identifier", "extension-1")
	case strings.HasSuffix(r.URL.Path, "/invocation/next") && !a.given.Swap(true):
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "request-1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10))
		_, _ = w.Write(a.event)
	case r.Method == http.MethodPost:
		text, _ := io.ReadAll(r.Body)
		a.answered <- strings.TrimSpace(r.URL.Path[strings.LastIndex(r.URL.Path, "/"):] + " " + string(text))
		w.WriteHeader(http.StatusAccepted)
	default: // there is no next invocation or event
		<-a.done
	}
}

// newTestLambda starts this program as Lambda would, with one batch of the sample
// lines, and returns the answer and what was logged.
func newTestLambda(t *testing.T, s *relaytest.Server) (answer, logged string) {
	t.Helper()
	var batch events.KinesisEvent
	for i, l := range append(bytes.Split(bytes.TrimSpace(mustRead(t, tsvFile)), []byte("\n")), mustRead(t, jsonFile)) {
		batch.Records = append(batch.Records, events.KinesisEventRecord{
			Kinesis: events.KinesisRecord{Data: l, SequenceNumber: strconv.Itoa(100 + i)},
		})
	}
	event, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	api := &runtimeAPI{event: event, answered: make(chan string, 1), done: make(chan struct{})}
	aws := httptest.NewServer(api)
	defer aws.Close()
	defer close(api.done)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = []string{
		"PIINGUIN_RELAY_TEST_MAIN=1", "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(aws.URL, "http://"),
		"PIINGUIN_HOST=" + s.URL, "PIINGUIN_TOKEN=" + relaytest.Token, "PIINGUIN_TIMEOUT_SEC=3600",
	}
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case answer = <-api.answered:
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-ended
	case err := <-ended:
		t.Fatalf("the program ended without an answer: %v\n%s", err, output.String())
	}
	return answer, output.String()
}

func TestLambdaStoresABatch(t *testing.T) {
	s := relaytest.New(t)
	answer, logged := newTestLambda(t, s)
	if want := `/response {"batchItemFailures":[]}`; answer != want {
		t.Errorf("answered %s, want %s", answer, want)
	}
	wantStored(t, s)
	for _, want := range []string{`"request_id":"request-1"`, `"sequence_number":"105"`, `"stored":12`} {
		if !strings.Contains(logged, want) {
			t.Errorf("the log lacks %s:\n%s", want, logged)
		}
	}
	if strings.Contains(logged, "acme.com") || strings.Contains(logged, relaytest.Token) {
		t.Error("the log holds an original value or the token")
	}
}

func TestLambdaAsksForARetry(t *testing.T) {
	s := relaytest.New(t)
	s.OnCall(relaytest.Status(http.StatusServiceUnavailable, "its_you_again!"))
	answer, logged := newTestLambda(t, s)
	if diff := cmp.Diff(`/response {"batchItemFailures":[{"itemIdentifier":"100"}]}`, answer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if strings.Contains(logged, "its_you_again") || !strings.Contains(logged, `"unfinished":5`) {
		t.Errorf("logged %s", logged)
	}
}

func TestLambdaRefusesWrongSettings(t *testing.T) {
	env := map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "PIINGUIN_PORT": "c4n4ry"}
	var stdout bytes.Buffer
	exit := run(t.Context(), nil, func(k string) string { return env[k] }, nil, &stdout, io.Discard)
	if exit != exitFailure || !strings.Contains(stdout.String(), "PIINGUIN_PORT") || strings.Contains(stdout.String(), "c4n4ry") {
		t.Errorf("exit %d, logged %s", exit, stdout.String())
	}
}
