package relay

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
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

// Quarantined is a record that can never be stored, or a part of an aggregated one, with its place in
// the stream and the reason. No fmt verb prints its content, which may be personal data.
type Quarantined struct {
	Stream         string // name; empty if not known
	Shard          string // such as shardId-000000000001; empty if not known
	SequenceNumber string
	// SubSequenceNumber is the place of a part in its aggregated record (KPL), from 0. It is
	// nil for a whole record.
	SubSequenceNumber *int
	ArrivedAt         time.Time // approximate; zero if not known
	Reason            Reason

	position int // of the record in its batch
	data     []byte
}

// Place is the sequence number, with a dot and the sub-sequence number behind it if it has
// one. It is unique in a shard.
func (q Quarantined) Place() string {
	if q.SubSequenceNumber == nil {
		return q.SequenceNumber
	}
	return q.SequenceNumber + "." + strconv.Itoa(*q.SubSequenceNumber)
}

// Data is the record, or the part of it, as it came. It may hold personal data.
func (q Quarantined) Data() []byte { return q.data }

// Format implements fmt.Formatter.
func (q Quarantined) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "record %s of %s/%s: %s", q.Place(), q.Stream, q.Shard, q.Reason)
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
