package relay

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/rs/zerolog"
)

// answerTime is kept back from the invocation's time, so that Lambda hears which
// records are done instead of killing the function and sending all of them again.
const answerTime = time.Second

// errSequence makes Lambda send the whole batch again.
var errSequence = errors.New("relay: an unfinished Kinesis record has no sequence number")

// Handler is a Lambda function on a Kinesis stream of PII transformation events,
// one event a record. The event source mapping must have ReportBatchItemFailures.
type Handler struct {
	relay *Relay
	log   zerolog.Logger
}

// NewHandler makes a Handler. It logs one line an invocation with its counts, and
// one for each record that it quarantines, with its position and Reason.
func NewHandler(r *Relay, log zerolog.Logger) *Handler { return &Handler{r, log} }

// kinesisBatch is the records of an invocation, decoded. position says which
// record an event came from.
type kinesisBatch struct {
	records                       []events.KinesisEventRecord
	events                        []Event
	position                      []int
	skipped, quarantined, pending int
}

// Handle stores the pairs of a batch of records. The answer names the lowest
// sequence number of a record that must come again: Lambda retries everything
// from there on, and takes what is before it as done. Records that can never be
// stored are logged and do not hold up the others, so with the lowest at n they
// are logged again if they come after n.
//
// The error is one fixed text, when a record that must come again has no number
// to name it by.
func (h *Handler) Handle(ctx context.Context, event events.KinesisEvent) (events.KinesisEventResponse, error) {
	if deadline, ok := ctx.Deadline(); ok {
		bounded, cancel := context.WithDeadline(ctx, deadline.Add(-answerTime))
		defer cancel()
		ctx = bounded
	}
	log := h.log
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With().Str("request_id", lc.AwsRequestID).Logger()
	}
	b := decodeBatch(event.Records, log)
	result, failure := h.relay.Send(ctx, b.events)
	answer, err := b.answer(result, log)
	b.logCounts(log, result, failure)
	return answer, err
}

func decodeBatch(records []events.KinesisEventRecord, log zerolog.Logger) *kinesisBatch {
	b := &kinesisBatch{records: records}
	for i, record := range records {
		e, reason := Decode(record.Kinesis.Data)
		switch {
		case reason != "":
			b.quarantine(i, reason, log)
		case e.Skipped():
			b.skipped++
		default:
			b.events = append(b.events, e)
			b.position = append(b.position, i)
		}
	}
	return b
}

func (b *kinesisBatch) quarantine(position int, reason Reason, log zerolog.Logger) {
	b.quarantined++
	line := log.Warn().Int("position", position).Str("reason", string(reason))
	if n := b.records[position].Kinesis.SequenceNumber; isSequence(n) {
		line = line.Str("sequence_number", n)
	}
	line.Msg("record quarantined")
}

// answer names the lowest unfinished record, and quarantines the refused ones.
func (b *kinesisBatch) answer(result Result, log zerolog.Logger) (events.KinesisEventResponse, error) {
	none := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	lowest := ""
	for i, outcome := range result.Outcomes {
		switch outcome {
		case Refused:
			b.quarantine(b.position[i], ReasonRefused, log)
		case Unfinished:
			b.pending++
			n := b.records[b.position[i]].Kinesis.SequenceNumber
			if !isSequence(n) {
				return none, errSequence
			}
			if lowest == "" || compareSequences(n, lowest) < 0 {
				lowest = n
			}
		}
	}
	if lowest == "" {
		return none, nil
	}
	return events.KinesisEventResponse{
		BatchItemFailures: []events.KinesisBatchItemFailure{{ItemIdentifier: lowest}},
	}, nil
}

func (b *kinesisBatch) logCounts(log zerolog.Logger, r Result, failure error) {
	line, message := log.Info(), "batch done"
	if failure != nil {
		line, message = log.Error().Str("failure", failure.Error()), "batch unfinished"
	}
	line.Int("events", len(b.records)).Int("pairs", r.Pairs).Int("merged", r.Merged).Int("stored", r.Stored).
		Int("superseded", r.Superseded).Int("skipped", b.skipped).Int("quarantined", b.quarantined).
		Int("unfinished", b.pending).Msg(message)
}

// isSequence reports whether a sequence number is what Kinesis gives: digits.
func isSequence(n string) bool {
	return n != "" && strings.Trim(n, "0123456789") == ""
}

// compareSequences compares as numbers, which have more digits than an int64.
func compareSequences(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
