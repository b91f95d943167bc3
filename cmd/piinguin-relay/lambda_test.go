package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/internal/lambdatest"
	"github.com/piinguin/piinguin/internal/mototest"
	"github.com/piinguin/piinguin/relay/relaytest"
)

const allDone = `{"batchItemFailures":[]}`

var shard = lambdatest.Kinesis{Stream: "pii-events", Shard: 3}

func again(n int) string {
	return `{"batchItemFailures":[{"itemIdentifier":"` + shard.SequenceNumber(n) + `"}]}`
}

// startLambda starts this program as Lambda would; more of the environment may follow.
func startLambda(t *testing.T, s *relaytest.Server, env ...string) *lambdatest.Function {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := lambdatest.Start(t, exec.CommandContext(t.Context(), self), append([]string{
		"PIINGUIN_RELAY_TEST_MAIN=1", "PIINGUIN_HOST=" + s.URL, "PIINGUIN_TOKEN=" + relaytest.Token, "PIINGUIN_TIMEOUT_SEC=1800",
	}, env...)...)
	t.Cleanup(func() {
		for value := range strings.SplitSeq("acme.com its_you_again c4n4ry "+relaytest.Token, " ") {
			if strings.Contains(f.Log(), value) {
				t.Errorf("the log holds %q", value)
			}
		}
	})
	return f
}

// sampleBatch is the sample lines as a batch of records from number 0 on.
func sampleBatch(t *testing.T) []byte {
	t.Helper()
	lines := append(bytes.Split(bytes.TrimSpace(mustRead(t, tsvFile)), []byte("\n")), mustRead(t, jsonFile))
	return shard.Event(t, 0, time.Now().Add(-time.Hour), lines...)
}

func wantAnswer(t *testing.T, f *lambdatest.Function, in lambdatest.Invocation, want string) {
	t.Helper()
	if a := f.Invoke(in); a.Body != want || a.ErrorType != "" {
		t.Errorf("answered %+v, want %s\n%s", a, want, f.Log())
	}
}

func wantLogged(t *testing.T, f *lambdatest.Function, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(f.Log(), want) {
			t.Errorf("the log lacks %s:\n%s", want, f.Log())
		}
	}
}

// TestLambda runs one process from its cold start through several invocations, of which
// one fails, to SIGTERM.
func TestLambda(t *testing.T) {
	s := relaytest.New(t)
	f := startLambda(t, s)
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, allDone)
	wantStored(t, s)
	wantLogged(t, f, `"request_id":"request-1"`, `"sequence_number":"`+shard.SequenceNumber(5)+`"`, `"shard":"shardId-000000000003"`,
		`"stored":12`, `"stream":"pii-events"`, `"_aws":{`, `"iterator_age":36`)

	s.OnCall(relaytest.Status(http.StatusServiceUnavailable, "its_you_again!"))
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, again(0))
	wantLogged(t, f, `"request_id":"request-2"`, `"unfinished":5`, `"retries":3`)
	s.OnCall(nil)
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, allDone)

	if exit := f.Shutdown(); exit != exitDone {
		t.Errorf("after SIGTERM: exit %d", exit)
	}
	wantLogged(t, f, "relay starts", `"commit":`, "relay ends")
	if n := strings.Count(f.Log(), "relay starts"); n != 1 || strings.Contains(f.Log(), "failed to") {
		t.Errorf("%d starts:\n%s", n, f.Log())
	}
}

// TestLambdaEndsInTheMiddle: a batch that is in flight when SIGTERM comes is answered, so
// that what is stored is known and the rest comes again.
func TestLambdaEndsInTheMiddle(t *testing.T) {
	s := relaytest.New(t)
	arrived := make(chan struct{})
	s.OnCall(func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n == 1 {
			close(arrived)
		}
		relaytest.Hang(n, w, r, next)
	})
	f := startLambda(t, s)
	answer := f.Begin(lambdatest.Invocation{Event: sampleBatch(t)})
	<-arrived
	if exit := f.Shutdown(); exit != exitDone {
		t.Errorf("exit %d", exit)
	}
	if a := <-answer; a.Body != again(0) {
		t.Errorf("answered %+v\n%s", a, f.Log())
	}
	wantLogged(t, f, "interrupted before the server answered", "relay ends")
}

// TestLambdaDeadline: an invocation that runs out of time says so before Lambda ends it,
// and a time-out that is too long is named, once.
func TestLambdaDeadline(t *testing.T) {
	s := relaytest.New(t)
	s.OnCall(relaytest.Hang)
	f := startLambda(t, s)
	for range 2 {
		wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t), Timeout: 1100 * time.Millisecond}, again(0))
	}
	wantLogged(t, f, `"failure":"relay: the server did not answer in time (deadline_exceeded)"`, `"timeout_sec":1800`, `"function_timeout_sec":`)
	if n := strings.Count(f.Log(), "set PIINGUIN_TIMEOUT_SEC at least"); n != 1 {
		t.Errorf("warned %d times:\n%s", n, f.Log())
	}
	s.OnCall(nil)
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, allDone)
}

// TestLambdaRefusesOtherEvents: what is not of Kinesis is an error, because records that
// look empty would be acknowledged.
func TestLambdaRefusesOtherEvents(t *testing.T) {
	s := relaytest.New(t)
	f := startLambda(t, s)
	for name, event := range map[string]string{
		"nothing": `{}`, "no JSON": `c4n4ry`, "text": `"c4n4ry"`,
		"SQS":       `{"Records":[{"messageId":"c4n4ry","body":"c4n4ry","eventSource":"aws:sqs"}]}`,
		"DynamoDB":  strings.Replace(string(sampleBatch(t)), `"eventSource":"aws:kinesis"`, `"eventSource":"aws:dynamodb"`, 1),
		"no base64": strings.Replace(string(sampleBatch(t)), `"data":"`, `"data":"c4n4ry*`, 1),
	} {
		if a := f.Invoke(lambdatest.Invocation{Event: []byte(event)}); a.ErrorType == "" || strings.Contains(a.Body, "c4n4ry") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if s.Calls() != 0 {
		t.Error("something was stored")
	}
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, allDone)
}

func TestLambdaRefusesWrongSettings(t *testing.T) {
	for setting, want := range map[string]string{
		"PIINGUIN_PORT=c4n4ry":                             "PIINGUIN_PORT",
		"PIINGUIN_HOST=":                                   "PIINGUIN_HOST is required",
		"PIINGUIN_TOKEN=":                                  "PIINGUIN_HOST is required, and one of PIINGUIN_TOKEN",
		"PIINGUIN_TIMEOUT_SEC=0":                           "--timeout-sec",
		"PIINGUIN_QUARANTINE=s3://bucket":                  "--quarantine-kms-key",
		"PIINGUIN_QUARANTINE=c4n4ry":                       "--quarantine is neither",
		"PIINGUIN_QUARANTINE=https://sqs.example/1/q.fifo": "FIFO",
		"PIINGUIN_QUARANTINE_KMS_KEY=c4n4ry":               "--quarantine-kms-key",
	} {
		t.Run(setting, func(t *testing.T) {
			f := startLambda(t, relaytest.New(t), setting)
			text, exit := f.InitError()
			if exit != exitFailure || !strings.HasPrefix(text, "Relay.WrongSettings {") || !strings.Contains(text, want) || strings.Contains(text, "c4n4ry") {
				t.Errorf("exit %d, told Lambda %q", exit, text)
			}
			wantLogged(t, f, want)
		})
	}
}

// TestLambdaPassesTheTraceOn: each call carries X-Ray's header and the same as W3C's.
func TestLambdaPassesTheTraceOn(t *testing.T) {
	s := relaytest.New(t)
	var seen []string
	s.OnCall(func(_ int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		seen = append(seen, r.Header.Get("X-Amzn-Trace-Id")+" "+r.Header.Get("Traceparent"))
		next.ServeHTTP(w, r)
	})
	f := startLambda(t, s)
	const plain = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	for trace, want := range map[string]string{
		plain:                           plain + " 00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
		plain + ";Lineage=1:a87bd80c:0": plain + ";Lineage=1:a87bd80c:0 00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
		strings.Replace(plain, "=1-5", "=1-x", 1): " ",
		"": " ",
	} {
		seen = nil
		wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t), TraceID: trace}, allDone)
		if fmt.Sprint(seen) != fmt.Sprint([]string{want}) {
			t.Errorf("%q: the calls carry %q", trace, seen)
		}
	}
}

// TestLambdaQuarantine: the queue is told of the sample line that is cut. Without the
// queue the line comes again.
func TestLambdaQuarantine(t *testing.T) {
	s := relaytest.New(t)
	queues, url := mototest.SQS(t)
	settings := append(inMoto(t), "PIINGUIN_QUARANTINE="+url)
	f := startLambda(t, s, settings...)
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, allDone)
	if m := mototest.Receive(t, queues, url); !strings.Contains(m, `"sequence_number":"`+shard.SequenceNumber(5)+`"`) || strings.Contains(m, "acme.com") {
		t.Errorf("the queue holds %s", m)
	}
	f = startLambda(t, s, append(inMoto(t), "PIINGUIN_QUARANTINE="+url+"-gone")...)
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, again(5))
	wantLogged(t, f, "NonExistentQueue")
	wantStored(t, s)
}

// TestLambdaServerRefuses: a wrong token is no reason to take a record for done.
func TestLambdaServerRefuses(t *testing.T) {
	s := relaytest.New(t)
	s.OnCall(relaytest.Fail(twirp.PermissionDenied, "its_you_again!"))
	f := startLambda(t, s)
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, again(0))
	wantLogged(t, f, "the token may not create records")
}
