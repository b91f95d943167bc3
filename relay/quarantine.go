package relay

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Quarantine is where records go that can never be stored, for people to look at.
type Quarantine interface {
	// Put keeps some records. It returns nil when all of them are durable; after an error,
	// whose text holds nothing from inside a record, they all come again, so keeping one
	// twice must do no harm. It is safe for concurrent use.
	Put(ctx context.Context, records []Quarantined) error
}

// Quarantined is a record that can never be stored: where it stands in its stream, and why.
// It prints without what it holds under every fmt verb, because that may be personal data.
type Quarantined struct {
	Stream         string // name; empty if not known
	Shard          string // such as shardId-000000000001; empty if not known
	SequenceNumber string
	ArrivedAt      time.Time // approximate; zero if not known
	Reason         Reason

	position int // in its batch
	data     []byte
}

// Data is the record as it came.
func (q Quarantined) Data() []byte { return q.data }

// Format implements fmt.Formatter.
func (q Quarantined) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "record %s of %s/%s: %s", q.SequenceNumber, q.Stream, q.Shard, q.Reason)
}

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

// streamOf is the end of arn:aws:kinesis:REGION:ACCOUNT:stream/NAME.
func streamOf(r events.KinesisEventRecord) string {
	name := r.EventSourceArn[strings.LastIndexByte(r.EventSourceArn, '/')+1:]
	if !streamPattern.MatchString(name) {
		return ""
	}
	return name
}

// shardOf is the beginning of shardId-000000000001:SEQUENCE.
func shardOf(r events.KinesisEventRecord) string {
	id, _, _ := strings.Cut(r.EventID, ":")
	if !shardPattern.MatchString(id) {
		return ""
	}
	return id
}
