package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/twitchtv/twirp"
)

// namespace is where CloudWatch shows the metrics, by stream.
const namespace = "Piinguin/Relay"

// metrics are the counts of one invocation.
type metrics struct {
	batch   *kinesisBatch
	result  Result
	retries int64
	began   time.Time
}

// log writes the counts as one line. Its field _aws makes CloudWatch take the numbers as
// metrics (Embedded Metric Format 0); elsewhere it is a line like any other.
func (m metrics) log(log zerolog.Logger, failure error) {
	line, message := log.Info(), "batch done"
	if failure != nil {
		line, message = log.Error().Str("failure", failure.Error()), "batch unfinished"
	}
	names := []metricName{}
	count := func(name string, n int) {
		line.Int(name, n)
		names = append(names, metricName{name, "Count"})
	}
	millis := func(name string, d time.Duration) {
		line.Float64(name, float64(d.Microseconds())/1000)
		names = append(names, metricName{name, "Milliseconds"})
	}
	count("events", m.batch.parts)
	count("pairs", m.result.Pairs)
	count("merged", m.result.Merged)
	count("stored", m.result.Stored)
	count("superseded", m.result.Superseded)
	count("skipped", m.batch.skipped)
	count("quarantined", m.batch.quarantined)
	count("unfinished", m.batch.unfinished)
	count("retries", int(m.retries))
	now := time.Now()
	if age, ok := m.age(now); ok {
		millis("iterator_age", age)
	}
	millis("duration", now.Sub(m.began))
	line.Str("stream", m.stream()).RawJSON("_aws", embedded(now, names)).Msg(message)
}

// age is how long ago the last record came to the stream, as Lambda's own IteratorAge.
func (m metrics) age(now time.Time) (time.Duration, bool) {
	var last time.Time
	for _, r := range m.batch.records {
		if at := r.Kinesis.ApproximateArrivalTimestamp.Time; at.After(last) {
			last = at
		}
	}
	return max(now.Sub(last), 0), last.Unix() > 0
}

// stream is the dimension, which must not be empty. A batch is of one stream.
func (m metrics) stream() string {
	if len(m.batch.records) == 0 {
		return "unknown"
	}
	return cmp.Or(streamOf(m.batch.records[0]), "unknown")
}

type metricName struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

func embedded(now time.Time, names []metricName) []byte {
	type directive struct {
		Namespace  string       `json:"Namespace"`
		Dimensions [][]string   `json:"Dimensions"`
		Metrics    []metricName `json:"Metrics"`
	}
	text, err := json.Marshal(struct {
		Timestamp         int64       `json:"Timestamp"`
		CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
	}{now.UnixMilli(), []directive{{namespace, [][]string{{"stream"}}, names}}})
	if err != nil { // it holds numbers and fixed texts
		panic("relay: metrics: " + err.Error())
	}
	return text
}

type retriesKey struct{}

// withRetries counts what CountRetry is told under the context.
func withRetries(ctx context.Context) (context.Context, *atomic.Int64) {
	n := new(atomic.Int64)
	return context.WithValue(ctx, retriesKey{}, n), n
}

// CountRetry counts a call of a Handler that is sent once more: it is the client's OnRetry.
func CountRetry(ctx context.Context, _ string, _ twirp.ErrorCode) {
	if n, ok := ctx.Value(retriesKey{}).(*atomic.Int64); ok {
		n.Add(1)
	}
}
