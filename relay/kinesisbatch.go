package relay

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/rs/zerolog"
)

// kinesisBatch is the records of one Lambda invocation and what becomes of them. events holds those
// parts that have pairs; from[i] is where events[i] came from.
type kinesisBatch struct {
	records     []events.KinesisEventRecord
	parts       int // that the records hold: one each, but for aggregated ones
	events      []Event
	from        []part
	bad         []Quarantined // can never be stored; may grow until quarantine is called
	skipped     int
	quarantined int
	unfinished  int
}

// part is a record, or one of those that an aggregated record holds.
type part struct {
	position int  // of the record in its batch
	sub      *int // sub-sequence number; nil: the whole record
	data     []byte
}

// decodeBatch decodes each part once. A part that cannot be decoded is bad, and the others go on.
func decodeBatch(records []events.KinesisEventRecord) *kinesisBatch {
	b := &kinesisBatch{records: records}
	for i, record := range records {
		parts, ok := disaggregate(record.Kinesis.Data)
		switch {
		case !ok:
			b.parts++
			b.reject(part{i, nil, record.Kinesis.Data}, ReasonAggregate)
		case parts == nil:
			b.decode(part{i, nil, record.Kinesis.Data})
		}
		for sub, data := range parts {
			b.decode(part{i, &sub, data})
		}
	}
	return b
}

func (b *kinesisBatch) decode(p part) {
	b.parts++
	e, reason := Decode(p.data)
	switch {
	case reason != "":
		b.reject(p, reason)
	case e.Skipped():
		b.skipped++
	default:
		b.events = append(b.events, e)
		b.from = append(b.from, p)
	}
}

// reject describes a part that can never be stored. Stream and shard come from outside, so they are
// taken only if they look like what Kinesis sends: they go into log lines and names of objects.
func (b *kinesisBatch) reject(p part, reason Reason) {
	r := b.records[p.position]
	b.bad = append(b.bad, Quarantined{
		Stream: streamOf(r), Shard: shardOf(r), SequenceNumber: r.Kinesis.SequenceNumber, SubSequenceNumber: p.sub,
		ArrivedAt: r.Kinesis.ApproximateArrivalTimestamp.Time, Reason: reason, position: p.position, data: p.data,
	})
}

// settle adds the records that the server refused to the bad ones. It returns the lowest sequence
// number of a record that must come again, or nothing.
func (b *kinesisBatch) settle(result Result) (lowest string) {
	for i, outcome := range result.Outcomes {
		switch outcome {
		case Refused:
			b.reject(b.from[i], ReasonRefused)
		case Unfinished:
			b.unfinished++
			lowest = lower(lowest, b.records[b.from[i].position].Kinesis.SequenceNumber)
		}
	}
	return lowest
}

// quarantine hands the bad records below lowest to a Quarantine, if there is one. Lambda sends
// everything from lowest on again, so later bad records wait until then; handing them over now
// would keep them twice. If the Quarantine fails, its records are unfinished too: acknowledging
// them would lose them. It returns the lowest number that must come again after that.
func (b *kinesisBatch) quarantine(ctx context.Context, to Quarantine, lowest string, log zerolog.Logger) (string, error) {
	done := b.bad[:0]
	for _, q := range b.bad {
		if lowest == "" || compareSequences(q.SequenceNumber, lowest) < 0 {
			done = append(done, q)
		}
	}
	if to != nil && len(done) > 0 {
		if err := to.Put(ctx, done); err != nil {
			b.unfinished += len(done)
			for _, q := range done {
				lowest = lower(lowest, q.SequenceNumber)
			}
			return lowest, err
		}
	}
	b.quarantined = len(done)
	for _, q := range done {
		line := log.Warn().Int("position", q.position).Str("stream", q.Stream).Str("shard", q.Shard).Str("sequence_number", q.SequenceNumber)
		if q.SubSequenceNumber != nil {
			line.Int("sub_sequence_number", *q.SubSequenceNumber)
		}
		line.Str("reason", string(q.Reason)).Msg("record quarantined")
	}
	return lowest, nil
}

// numbered reports whether each record has a sequence number.
func numbered(records []events.KinesisEventRecord) bool {
	return !slices.ContainsFunc(records, func(r events.KinesisEventRecord) bool { return !isNumber(r.Kinesis.SequenceNumber) })
}

// isNumber reports whether n is all digits, as Kinesis's sequence numbers are.
func isNumber(n string) bool {
	return n != "" && strings.Trim(n, "0123456789") == ""
}

// compareSequences compares two sequence numbers. They have more digits than an int64 holds.
func compareSequences(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// lower returns the lower of two sequence numbers. An empty one does not count.
func lower(a, b string) string {
	if a == "" || b != "" && compareSequences(b, a) < 0 {
		return b
	}
	return a
}
