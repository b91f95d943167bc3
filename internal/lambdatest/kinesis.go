package lambdatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// Kinesis is a shard of a stream, as an event source mapping reads it.
type Kinesis struct {
	Stream string
	Shard  int
}

// SequenceNumber is that of a shard's n-th record, as long as Kinesis makes them.
func (k Kinesis) SequenceNumber(n int) string {
	return fmt.Sprintf("4959%04d3271490256608559692538361571095921575%012d", k.Shard, n)
}

// Event is what AWS sends for some of a shard's records, of which first is the number of
// the first one: data in base64, times as seconds.
func (k Kinesis) Event(tb testing.TB, first int, arrived time.Time, data ...[]byte) []byte {
	tb.Helper()
	records := make([]map[string]any, len(data))
	for i, d := range data {
		number := k.SequenceNumber(first + i)
		records[i] = map[string]any{
			"kinesis": map[string]any{
				"kinesisSchemaVersion": "1.0", "partitionKey": fmt.Sprint(first + i), "sequenceNumber": number,
				"data":                        base64.StdEncoding.EncodeToString(d),
				"approximateArrivalTimestamp": float64(arrived.UnixMilli()) / 1000,
			},
			"eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record",
			"eventID":           fmt.Sprintf("shardId-%012d:%s", k.Shard, number),
			"invokeIdentityArn": "arn:aws:iam::123456789012:role/piinguin-relay", "awsRegion": "eu-central-1",
			"eventSourceARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/" + k.Stream,
		}
	}
	text, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
