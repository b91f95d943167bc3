package relay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// sequence is a number of the length that Kinesis gives; 99 and 100 differ in
// length, so that comparing them as texts fails.
func sequence(n int) string { return fmt.Sprintf("495%d00000000000000000000", n) }

// kinesis makes an event of records numbered from 99 on.
func kinesis(lines ...string) events.KinesisEvent {
	var e events.KinesisEvent
	for i, l := range lines {
		e.Records = append(e.Records, events.KinesisEventRecord{
			EventSourceArn: "arn:aws:kinesis:eu-central-1:123456789012:stream/pii-events",
			EventID:        "shardId-000000000006:" + sequence(99+i),
			Kinesis: events.KinesisRecord{
				SequenceNumber: sequence(99 + i), Data: []byte(l),
				ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: time.Now().Add(-time.Minute)},
			},
		})
	}
	return e
}

// handle runs a batch in an invocation and returns the sequence number that it
// asks to retry from, and what it logged.
func handle(t *testing.T, s *relaytest.Server, e events.KinesisEvent) (from string, logged []map[string]any) {
	t.Helper()
	return handleWith(t, relay.HandlerConfig{Relay: newTestRelay(t, s)}, e)
}

func handleWith(t *testing.T, cfg relay.HandlerConfig, e events.KinesisEvent) (from string, logged []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	cfg.Log = zerolog.New(&log)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	answer, err := relay.NewHandler(cfg).Handle(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	wantNoCanary(t, "the log or the answer", log.String(), string(text))
	if f := answer.BatchItemFailures; len(f) == 1 && f[0].ItemIdentifier != "" {
		from = f[0].ItemIdentifier
	} else if string(text) != `{"batchItemFailures":[]}` {
		t.Errorf("answer %s", text)
	}
	return from, logLines(t, log.String())
}

// logLines are the lines of an invocation. What they must all have, and what a test
// cannot foretell, is looked at here and left out.
func logLines(t *testing.T, log string) (lines []map[string]any) {
	t.Helper()
	for l := range strings.Lines(log) {
		fields := map[string]any{}
		if err := json.Unmarshal([]byte(l), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["request_id"] != "request-1" {
			t.Errorf("a log line without the request id: %s", l)
		}
		if metrics, ok := fields["_aws"]; ok {
			wantEmbedded(t, metrics, fields)
		}
		for _, name := range []string{"request_id", "_aws", "duration", "iterator_age"} {
			delete(fields, name)
		}
		lines = append(lines, fields)
	}
	return lines
}

func TestHandleStoresTheSamples(t *testing.T) {
	s := relaytest.New(t)
	lines := append(sampleLines(t, "pii_events.tsv"), sampleLines(t, "pii_events.jsonl")[0]+"\n")
	from, logged := handle(t, s, kinesis(lines...))
	if from != "" {
		t.Errorf("asks to retry from %s", from)
	}
	want := []map[string]any{
		{
			"level": "warn", "message": "record quarantined", "position": 5.0, "sequence_number": sequence(104),
			"stream": "pii-events", "shard": "shardId-000000000006",
			"reason": string(relay.ReasonFields),
		},
		{
			"level": "info", "message": "batch done", "events": 7.0, "pairs": 14.0, "merged": 2.0, "stored": 12.0,
			"superseded": 0.0, "skipped": 1.0, "quarantined": 1.0, "unfinished": 0.0, "retries": 0.0, "stream": "pii-events",
		},
	}
	if diff := cmp.Diff(want, logged); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(samplePairs(t), s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// byName refuses the pair of "refused" for good, and that of "failed" for now.
func byName(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
	switch r.ModifiedValue {
	case "refused":
		return itemError(twirp.InvalidArgument)
	case "failed":
		return itemError(twirp.Unavailable)
	}
	return nil
}

func TestHandleNamesTheLowestUnfinished(t *testing.T) {
	s := relaytest.New(t)
	s.OnRecord(byName)
	// The refused and the undecodable come first and must not be named; 99 < 100
	// only as numbers, and the order of the records must not matter.
	e := kinesis("cut "+canary, pairsLine(at(1), "ok", ""), pairsLine(at(1), "refused", canary),
		pairsLine(at(1), "failed", canary), pairsLine(at(1), "ok2", ""), pairsLine(at(2), "failed", canary))
	e.Records[0], e.Records[5] = e.Records[5], e.Records[0]
	from, logged := handle(t, s, e)
	if want := sequence(102); from != want {
		t.Errorf("asks to retry from %s, want %s", from, want)
	}
	last := logged[len(logged)-1]
	if last["level"] != "error" || last["unfinished"] != 2.0 || last["quarantined"] != 2.0 ||
		last["failure"] != "relay: the server, its store or its ledger is unavailable (unavailable)" {
		t.Errorf("logged %v", last)
	}
	if diff := cmp.Diff(map[string]string{"ok": "", "ok2": ""}, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestHandleComparesSequencesAsNumbers(t *testing.T) {
	s := relaytest.New(t)
	s.OnCall(relaytest.Fail(twirp.Unavailable, canary))
	e := kinesis(pairsLine(at(1), "a", canary), pairsLine(at(1), "b", canary))
	e.Records[0].Kinesis.SequenceNumber, e.Records[1].Kinesis.SequenceNumber = "1000", "999"
	if from, _ := handle(t, s, e); from != "999" {
		t.Errorf("asks to retry from %s", from)
	}
}

func TestHandleRetriesAMergedRecordWithItsNewest(t *testing.T) {
	s := relaytest.New(t)
	s.OnCall(relaytest.First(1, relaytest.Drop))
	e := kinesis(pairsLine(at(1), "m", "old"), pairsLine(at(2), "m", canary))
	if from, _ := handle(t, s, e); from != sequence(99) {
		t.Errorf("asks to retry from %q, want the record that was merged away", from)
	}
	if from, _ := handle(t, s, e); from != "" {
		t.Errorf("the retry asks to retry from %q", from)
	}
	if diff := cmp.Diff(map[string]string{"m": canary}, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestHandleNothing(t *testing.T) {
	s := relaytest.New(t)
	if from, _ := handle(t, s, events.KinesisEvent{}); from != "" || s.Calls() != 0 {
		t.Errorf("asks to retry from %q after %d calls", from, s.Calls())
	}
}

func TestHandleWithoutSequenceNumberFailsTheBatch(t *testing.T) {
	s := relaytest.New(t)
	for _, number := range []string{"", canary} {
		e := kinesis(pairsLine(at(1), "m", canary))
		e.Records[0].Kinesis.SequenceNumber = number
		_, err := relay.NewHandler(relay.HandlerConfig{Relay: newTestRelay(t, s)}).Handle(t.Context(), e)
		if err == nil {
			t.Error("no error: Lambda would take the batch as done")
		}
		if s.Calls() != 0 {
			t.Error("something was stored")
		}
		wantNoCanary(t, "the error", err)
	}
}

// TestHandleLeavesTimeToAnswer: with less time left than an answer needs, nothing
// is begun, and the batch is asked for again.
func TestHandleLeavesTimeToAnswer(t *testing.T) {
	s := relaytest.New(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Second))
	defer cancel()
	answer, err := relay.NewHandler(relay.HandlerConfig{Relay: newTestRelay(t, s)}).Handle(ctx, kinesis(pairsLine(at(1), "m", "")))
	if err != nil || len(answer.BatchItemFailures) != 1 || s.Calls() != 0 {
		t.Errorf("answer %v, error %v, %d calls", answer, err, s.Calls())
	}
}
