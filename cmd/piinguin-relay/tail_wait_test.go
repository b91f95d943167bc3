package main

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/rs/zerolog"
)

// scriptedKinesis answers GetRecords by its script, without a network, and notes when.
type scriptedKinesis struct {
	script []string
	at     []time.Time
}

const (
	throttled = `{"__type":"ProvisionedThroughputExceededException"}`
	noRecords = `{"Records":[],"NextShardIterator":"next"}`
	shardEnds = `{"Records":[]}`
)

// Do implements aws.HTTPClient.
func (k *scriptedKinesis) Do(r *http.Request) (*http.Response, error) {
	status, text := http.StatusOK, `{"ShardIterator":"first"}`
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetRecords") {
		k.at = append(k.at, time.Now())
		text, k.script = k.script[0], k.script[1:]
		if text == throttled {
			status = http.StatusBadRequest
		}
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// TestShardWaitsAnew: failures in a row wait longer and longer, up to a bound, and one after a
// good answer waits like the first.
func TestShardWaitsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const inARow = 9
		k := &scriptedKinesis{}
		for range inARow {
			k.script = append(k.script, throttled)
		}
		k.script = append(k.script, noRecords, throttled, shardEnds)
		state, err := openShards(filepath.Join(t.TempDir(), "state"), streamID{ARN: "pii"})
		if err != nil {
			t.Fatal(err)
		}
		tail := &tailer{stream: "pii", state: state, log: zerolog.Nop(), api: kinesis.New(kinesis.Options{
			Region: "eu-central-1", HTTPClient: k, Retryer: aws.NopRetryer{},
			Credentials: credentials.NewStaticCredentialsProvider("piinguin", "piinguin", ""),
		})}
		if err := tail.shard(t.Context(), "shardId-0"); err != nil || !state.of("shardId-0").Done {
			t.Fatalf("the shard is not read to its end: %v", err)
		}
		waited := func(n int) time.Duration { return k.at[n+1].Sub(k.at[n]) }
		longest := firstWait
		for n := range inARow {
			if w := waited(n); w < longest/2 || w > longest*3/2+1 {
				t.Errorf("wait %d is %s, want about %s", n+1, w, longest)
			}
			longest = min(2*longest, lastWait)
		}
		if w := waited(inARow); w != pollEvery {
			t.Errorf("after no records it waits %s, want %s", w, pollEvery)
		}
		if w := waited(inARow + 1); w > firstWait*3/2+1 {
			t.Errorf("the first failure after a good answer waits %s", w)
		}
	})
}
