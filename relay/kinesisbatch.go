package relay

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/rs/zerolog"
)

// kinesisBatch is the records of an invocation, decoded. position says which
// record an event came from.
type kinesisBatch struct {
	records     []events.KinesisEventRecord
	events      []Event
	position    []int
	bad         []Quarantined // found so far
	skipped     int
	quarantined int
	unfinished  int
}

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

// settle finds the lowest record that must come again, and adds those that the server
// refused to the bad ones.
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

// quarantine puts the bad records away that are done with: those after the lowest
// unfinished one come again. If they cannot be put away, they are unfinished themselves.
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

// isNumber reports whether a text is digits, as a sequence number of Kinesis is.
func isNumber(n string) bool {
	return n != "" && strings.Trim(n, "0123456789") == ""
}

// compareSequences compares as numbers, which have more digits than an int64.
func compareSequences(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// lower returns the lower one of two sequence numbers, of which the empty one is none.
func lower(a, b string) string {
	if a == "" || b != "" && compareSequences(b, a) < 0 {
		return b
	}
	return a
}
