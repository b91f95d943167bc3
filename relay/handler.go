package relay

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/rs/zerolog"
)

// answerTime is kept back from the invocation's time, so that Lambda hears which
// records are done instead of killing the function and sending all of them again.
const answerTime = time.Second

// errSequence makes Lambda send the whole batch again.
var errSequence = errors.New("relay: a record has no sequence number, so it is not one of Kinesis")

// HandlerConfig says what a Handler works with. Relay is required.
type HandlerConfig struct {
	Relay *Relay
	Log   zerolog.Logger
	// Quarantine takes the records that can never be stored. Without one they are logged
	// by their position, and counted.
	Quarantine Quarantine
	// CallTimeout is how long one call to the server may take. An invocation that has
	// less time than that is warned of, once. 0: not known.
	CallTimeout time.Duration
}

// Handler is a Lambda function on a Kinesis stream of PII transformation events,
// one event a record. The event source mapping must have ReportBatchItemFailures.
type Handler struct {
	HandlerConfig
	warn sync.Once
}

// NewHandler makes a Handler. It logs one line for each record that it quarantines, with
// its position and Reason, and one line an invocation, whose counts are CloudWatch metrics
// as well, in the Embedded Metric Format.
func NewHandler(c HandlerConfig) *Handler { return &Handler{HandlerConfig: c} }

// Handle stores the pairs of a batch of records. The answer names the lowest
// sequence number of a record that must come again: Lambda retries everything
// from there on, and takes what is before it as done. Records that can never be
// stored are put into quarantine and do not hold up the others; those after the lowest
// number come again too, and wait until then.
//
// The error is one fixed text, when a record has no number by which it could be named;
// nothing is stored then.
func (h *Handler) Handle(ctx context.Context, event events.KinesisEvent) (events.KinesisEventResponse, error) {
	if !numbered(event.Records) {
		return events.KinesisEventResponse{}, errSequence
	}
	began := time.Now()
	log := h.Log
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With().Str("request_id", lc.AwsRequestID).Logger()
	}
	if deadline, ok := ctx.Deadline(); ok {
		h.compare(time.Until(deadline), log)
		bounded, cancel := context.WithDeadline(ctx, deadline.Add(-answerTime))
		defer cancel()
		ctx = bounded
	}
	ctx, retries := withRetries(ctx)
	b := decodeBatch(event.Records)
	result, failure := h.Relay.Send(ctx, b.events)
	lowest, kept := b.quarantine(ctx, h.Quarantine, b.settle(result), log)
	m := metrics{batch: b, result: result, retries: retries.Load(), began: began}
	m.log(log, cmp.Or(failure, kept))
	return answerOf(lowest), nil
}

// compare warns if a call may take longer than an invocation.
func (h *Handler) compare(left time.Duration, log zerolog.Logger) {
	if h.CallTimeout <= 0 || h.CallTimeout+answerTime < left {
		return
	}
	h.warn.Do(func() {
		log.Warn().Float64("timeout_sec", h.CallTimeout.Seconds()).Float64("function_timeout_sec", left.Round(time.Millisecond).Seconds()).
			Msg("a call to the server may take longer than the function may run: set PIINGUIN_TIMEOUT_SEC at least 2 seconds below the function's timeout; " +
				"until then a slow call is given up 1 second before the function's end, and its records come again")
	})
}

func answerOf(lowest string) events.KinesisEventResponse {
	answer := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	if lowest != "" {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.KinesisBatchItemFailure{ItemIdentifier: lowest})
	}
	return answer
}
