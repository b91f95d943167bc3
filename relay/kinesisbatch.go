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
// that have pairs; position[i] is the index in records of events[i].
type kinesisBatch struct {
	records     []events.KinesisEventRecord
	events      []Event
	position    []int
	bad         []Quarantined // can never be stored; may grow until quarantine is called
	skipped     int
	quarantined int
	unfinished  int
}

// decodeBatch decodes each record once. A record that cannot be decoded is bad, and the others go on.
func decodeBatch(records []events.KinesisEventRecord) *kinesisBatch {
	b := &kinesisBatch{records: records}
	for i, record := range records {
		e, reason := Decode(record.Kinesis.Data)
		switch {
		case reason != "":
			b.bad = append(b.bad, quarantined(record, i, reason))
		case e.Skipped():
			b.skipped++
		default:
			b.events = append(b.events, e)
			b.position = append(b.position, i)
		}
	}
	return b
}

// settle adds the records that the server refused to the bad ones. It returns the lowest sequence
// number of a record that must come again, or nothing.
func (b *kinesisBatch) settle(result Result) (lowest string) {
	for i, outcome := range result.Outcomes {
		record := b.records[b.position[i]]
		switch outcome {
		case Refused:
			b.bad = append(b.bad, quarantined(record, b.position[i], ReasonRefused))
		case Unfinished:
			b.unfinished++
			lowest = lower(lowest, record.Kinesis.SequenceNumber)
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
		log.Warn().Int("position", q.position).Str("stream", q.Stream).Str("shard", q.Shard).
			Str("sequence_number", q.SequenceNumber).Str("reason", string(q.Reason)).Msg("record quarantined")
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
