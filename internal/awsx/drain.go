package awsx

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The longest wait of Drain doubles from firstWait to lastWait. Each wait is a random part of it:
// callers that were throttled together do not come back together.
const (
	firstWait = 20 * time.Millisecond
	lastWait  = time.Second
)

var errLeft = errors.New("something is left to do")

// Drain repeats a call while it succeeds and leaves something undone, until ctx ends: DynamoDB
// leaves part of a batch undone when it throttles and when the batch is too large for one
// answer. A call that fails is not repeated: that is for the SDK.
//
// The error is a Failure of the operation.
func Drain(ctx context.Context, operation string, call func() (left bool, err error)) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if err := ctx.Err(); err != nil { // the wait and ctx may end together
			return struct{}{}, backoff.Permanent(err)
		}
		left, err := call()
		if err == nil && left {
			return struct{}{}, errLeft
		}
		return struct{}{}, backoff.Permanent(err)
	}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: firstWait / 2, MaxInterval: lastWait / 2, Multiplier: 2, RandomizationFactor: 1, // from 0 to twice
	}))
	return Failure(ctx, operation, err)
}
