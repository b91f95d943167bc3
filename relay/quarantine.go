package relay

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Quarantine keeps records that can never be stored, for people to look at.
type Quarantine interface {
	// Put keeps some records. It returns nil only when all of them are durable. After an error all
	// of them come again, so keeping a record twice must do no harm. The error's text holds nothing
	// from inside a record, because it is logged. Put is safe for concurrent use.
	Put(ctx context.Context, records []Quarantined) error
}

// Quarantined is a record that can never be stored, with its place in the stream and the reason. No fmt
// verb prints its content, which may be personal data.
type Quarantined struct {
	Stream         string // name; empty if not known
	Shard          string // such as shardId-000000000001; empty if not known
	SequenceNumber string
	ArrivedAt      time.Time // approximate; zero if not known
	Reason         Reason

	position int // in its batch
	data     []byte
}

// Data is the record as it came. It may hold personal data.
func (q Quarantined) Data() []byte { return q.data }

// Format implements fmt.Formatter.
func (q Quarantined) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "record %s of %s/%s: %s", q.SequenceNumber, q.Stream, q.Shard, q.Reason)
}

// quarantined describes a record. Stream and shard come from outside, so they are taken only if they
// look like what Kinesis sends: they go into log lines and names of objects.
func quarantined(r events.KinesisEventRecord, position int, reason Reason) Quarantined {
	return Quarantined{
		Stream: streamOf(r), Shard: shardOf(r), SequenceNumber: r.Kinesis.SequenceNumber,
		ArrivedAt: r.Kinesis.ApproximateArrivalTimestamp.Time, Reason: reason, position: position, data: r.Kinesis.Data,
	}
}

var (
	streamPattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	shardPattern  = regexp.MustCompile(`^shardId-[0-9]{1,32}$`)
)

// streamOf returns NAME of arn:aws:kinesis:REGION:ACCOUNT:stream/NAME, or nothing.
func streamOf(r events.KinesisEventRecord) string {
	name := r.EventSourceArn[strings.LastIndexByte(r.EventSourceArn, '/')+1:]
	if !streamPattern.MatchString(name) {
		return ""
	}
	return name
}

// shardOf returns the part before the colon of shardId-000000000001:SEQUENCE, or nothing.
func shardOf(r events.KinesisEventRecord) string {
	id, _, _ := strings.Cut(r.EventID, ":")
	if !shardPattern.MatchString(id) {
		return ""
	}
	return id
}
