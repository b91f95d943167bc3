package quarantine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/internal/mototest"
	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/quarantine"
	"github.com/piinguin/piinguin/relay/relaytest"
	"github.com/piinguin/piinguin/rpc/client"
)

const canary = "CANARY-cut@acme.com"

var arrived = time.Date(2024, 3, 1, 10, 0, 0, 0, time.UTC)

// relayBad relays records none of which can be stored, the last one as the second part of
// an aggregated record, and returns the number from which
// they come again, if they do, and the log.
func relayBad(t *testing.T, to relay.Quarantine, n int) (from, log string) {
	t.Helper()
	c, err := client.New(client.Config{Host: relaytest.New(t).URL, Token: relaytest.Token})
	if err != nil {
		t.Fatal(err)
	}
	var e events.KinesisEvent
	for i := range n {
		data := []byte(canary)
		if i == n-1 {
			data = relaytest.Aggregate(relaytest.PageView, canary)
		}
		e.Records = append(e.Records, events.KinesisEventRecord{
			EventID: "shardId-000000000001:" + number(i), EventSourceArn: "arn:aws:kinesis:eu-central-1:1:stream/pii",
			Kinesis: events.KinesisRecord{
				Data: data, SequenceNumber: number(i), ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: arrived},
			},
		})
	}
	var out bytes.Buffer
	answer, err := relay.NewHandler(relay.HandlerConfig{Relay: relay.New(c), Quarantine: to, Log: zerolog.New(&out)}).Handle(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.BatchItemFailures) > 0 {
		from = answer.BatchItemFailures[0].ItemIdentifier
	}
	if strings.Contains(out.String(), canary) {
		t.Error("the log holds a record's content")
	}
	return from, out.String()
}

func number(i int) string {
	return fmt.Sprintf("4959033827149025660855969253836157109592157598%04d", i)
}

// TestSQS: a queue is told every record's place, in more than one call, and nothing of
// what it holds.
func TestSQS(t *testing.T) {
	const records = 23
	client, url := mototest.SQS(t)
	to, err := quarantine.NewSQS(client, url)
	if err != nil {
		t.Fatal(err)
	}
	if from, log := relayBad(t, to, records); from != "" {
		t.Fatalf("comes again from %s\n%s", from, log)
	}
	have := map[string]quarantine.Message{}
	for len(have) < records {
		text := mototest.Receive(t, client, url)
		if text == "" {
			t.Fatalf("the queue holds %d messages, want %d", len(have), records)
		}
		if strings.Contains(text, canary) {
			t.Errorf("a message holds a record's content: %s", text)
		}
		var message quarantine.Message
		if err := json.Unmarshal([]byte(text), &message); err != nil {
			t.Fatal(err)
		}
		have[message.SequenceNumber] = message
	}
	want := quarantine.Message{
		Stream: "pii", Shard: "shardId-000000000001", SequenceNumber: number(22), Reason: string(relay.ReasonFields), ArrivedAt: &arrived,
	}
	want.SubSequenceNumber = aws.Int(1)
	if diff := cmp.Diff(want, have[number(22)]); diff != "" {
		t.Errorf("message (-want +have):\n%s", diff)
	}
	want.SequenceNumber, want.SubSequenceNumber = number(21), nil
	if diff := cmp.Diff(want, have[number(21)]); diff != "" {
		t.Errorf("message (-want +have):\n%s", diff)
	}
}

// TestS3: a bucket keeps the records as they came, encrypted by the named key. Once more is
// the same objects.
func TestS3(t *testing.T) {
	const records, key = 20, "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	client := mototest.S3(t, nil)
	bucket := mototest.Bucket(t, client, false)
	to, err := quarantine.NewS3(client, bucket, "bad/events", key)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if from, log := relayBad(t, to, records); from != "" {
			t.Fatalf("comes again from %s\n%s", from, log)
		}
	}
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil || len(list.Contents) != records {
		t.Fatalf("%d objects, want %d: %v", len(list.Contents), records, err)
	}
	for _, name := range []string{number(7), number(records-1) + ".1"} {
		name := "bad/events/pii/shardId-000000000001/" + name
		o, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &name})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(o.Body)
		if err = errors.Join(err, o.Body.Close()); err != nil || string(body) != canary {
			t.Errorf("the object holds %q, %v", body, err)
		}
		if o.ServerSideEncryption != s3types.ServerSideEncryptionAwsKms || aws.ToString(o.SSEKMSKeyId) != key ||
			o.Metadata["reason"] != string(relay.ReasonFields) {
			t.Errorf("encrypted by %s with %s, metadata %v", o.ServerSideEncryption, aws.ToString(o.SSEKMSKeyId), o.Metadata)
		}
	}
}

// TestPlacesThatFail: the records come again, and the log says why in AWS's word.
func TestPlacesThatFail(t *testing.T) {
	queues, url := mototest.SQS(t)
	gone, err := quarantine.NewSQS(queues, url+"-gone")
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := quarantine.NewS3(mototest.S3(t, nil), "no-such-bucket-"+strings.ToLower(t.Name()), "", "alias/pii")
	if err != nil {
		t.Fatal(err)
	}
	for want, to := range map[string]relay.Quarantine{
		"quarantine: PutObject: NoSuchBucket":                                   bucket,
		"quarantine: SendMessageBatch: AWS.SimpleQueueService.NonExistentQueue": gone,
	} {
		from, log := relayBad(t, to, 2)
		if from != number(0) || !strings.Contains(log, want) {
			t.Errorf("comes again from %q\n%s", from, log)
		}
	}
}

// TestSQSTakesAPart: a queue that answers, and does not take every message.
func TestSQSTakesAPart(t *testing.T) {
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte(`{"Successful":[{"Id":"0","MessageId":"1"}],"Failed":[{"Id":"1","Code":"InternalError","SenderFault":false}]}`))
	}))
	defer aws.Close()
	to, err := quarantine.NewSQS(sqs.New(sqs.Options{
		Region: "eu-central-1", BaseEndpoint: &aws.URL, DisableMessageChecksumValidation: true,
		Credentials: credentials.NewStaticCredentialsProvider("piinguin", "piinguin", ""),
	}), aws.URL)
	if err != nil {
		t.Fatal(err)
	}
	if from, log := relayBad(t, to, 1); from != "" {
		t.Errorf("one message of one is taken, and it comes again from %s\n%s", from, log)
	}
	if from, log := relayBad(t, to, 2); from != number(0) || !strings.Contains(log, "the queue did not take all messages") {
		t.Errorf("comes again from %q\n%s", from, log)
	}
}

func TestPlacesRefused(t *testing.T) {
	queues, store := &sqs.Client{}, &s3.Client{}
	for name, err := range map[string]error{
		"no queue":  second(quarantine.NewSQS(queues, "")),
		"FIFO":      second(quarantine.NewSQS(queues, "https://sqs.eu-central-1.amazonaws.com/1/q.fifo")),
		"no client": second(quarantine.NewSQS(nil, "https://sqs.eu-central-1.amazonaws.com/1/q")),
		"no bucket": second(quarantine.NewS3(store, "", "", "alias/pii")),
		"no key":    second(quarantine.NewS3(store, "b", "", "")),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
