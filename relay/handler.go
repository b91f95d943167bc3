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

// answerTime is reserved at the end of an invocation. Without it Lambda would kill the function before
// it could say which records are done, and would send all of them again.
const answerTime = time.Second

// errSequence makes Lambda send the whole batch again.
var errSequence = errors.New("relay: a record has no sequence number, so it is not one of Kinesis")

// HandlerConfig configures a Handler. Relay is required.
type HandlerConfig struct {
	Relay *Relay
	Log   zerolog.Logger
	// Quarantine keeps the records that can never be stored. If it is nil, they are only logged by
	// their position, and counted.
	Quarantine Quarantine
	// CallTimeout is the longest that one call to the server may take; 0 if it is not known. The
	// Handler logs a warning, once, if an invocation has less time than that.
	CallTimeout time.Duration
}

// Handler is a Lambda function for a Kinesis stream of PII transformation events, one event a record,
// or several in one that is aggregated (KPL). The event source mapping must have
// ReportBatchItemFailures: without it Lambda takes a batch that was stored in part for done, and the
// rest is lost. A Handler is safe for concurrent use.
type Handler struct {
	HandlerConfig
	warn sync.Once
}

// NewHandler makes a Handler. It logs one line for each quarantined record, with its position and
// Reason, and one line for each invocation. The counts of that line are CloudWatch metrics, in the
// Embedded Metric Format.
func NewHandler(c HandlerConfig) *Handler { return &Handler{HandlerConfig: c} }

// Handle stores the pairs of a batch of records. The answer names the lowest sequence number of a
// record that must come again, or nothing. Lambda sends everything from there on again, and takes
// everything before it as done. Records that can never be stored go into quarantine if they are below
// that number; the others come again and wait. An aggregated record comes again as a whole.
//
// Handle stops calling the server one second before ctx's deadline. Its only error has a fixed text: a
// record has no sequence number. Nothing is stored then.
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

// compare warns once if a single call may take longer than the time that is left.
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

// answerOf tells Lambda where to go on. An empty list means that everything is done.
func answerOf(lowest string) events.KinesisEventResponse {
	answer := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	if lowest != "" {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.KinesisBatchItemFailure{ItemIdentifier: lowest})
	}
	return answer
}
