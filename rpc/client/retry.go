package client

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

const (
	// DefaultAttempts is how often a call is sent at most if Config says nothing.
	DefaultAttempts = 4
	maxAttempts     = 100
)

// A wait is random, from nothing to a limit that doubles from firstWait to maxWait: callers who
// failed together do not come back together.
const (
	firstWait = 200 * time.Millisecond
	maxWait   = 5 * time.Second
)

// retry sends calls again.
type retry struct {
	attempts int
	reads    bool
	notify   func(ctx context.Context, method string, code twirp.ErrorCode)
}

func (c Config) retry() retry {
	r := retry{c.Attempts, c.RetryReads, c.OnRetry}
	if r.attempts == 0 {
		r.attempts = DefaultAttempts
	}
	if r.notify == nil {
		r.notify = func(context.Context, string, twirp.ErrorCode) {}
	}
	return r
}

// intercept is a twirp.Interceptor.
func (r retry) intercept(next twirp.Method) twirp.Method {
	return func(ctx context.Context, request any) (any, error) {
		method, _ := twirp.MethodName(ctx)
		if !r.reads && !repeatable(method) {
			return next(ctx, request)
		}
		return r.send(ctx, method, func() (any, error) { return next(ctx, request) })
	}
}

// send calls once until it succeeds, its failure will not pass, or there is no time left. The
// error is always once's last one: the server's word says more than that time is up.
func (r retry) send(ctx context.Context, method string, once func() (any, error)) (any, error) {
	var last error
	w := newWaits(ctx)
	answer, _ := backoff.Retry(ctx, func() (any, error) {
		if last != nil {
			if ctx.Err() != nil { // it may end together with the wait
				return nil, backoff.Permanent(last)
			}
			r.notify(ctx, method, codeOf(last))
		}
		var answer any
		answer, last = once()
		if last == nil || !mendable(last) {
			return answer, backoff.Permanent(last)
		}
		w.asked = asked(last)
		return answer, last
	}, backoff.WithBackOff(w), backoff.WithMaxTries(uint(r.attempts)), backoff.WithMaxElapsedTime(0))
	return answer, last
}

// waits is a backoff.BackOff that knows what the server asked for, and ends where no wait is worth
// it.
type waits struct {
	backoff.ExponentialBackOff
	ctx   context.Context
	asked time.Duration
}

func newWaits(ctx context.Context) *waits {
	return &waits{ctx: ctx, ExponentialBackOff: backoff.ExponentialBackOff{
		// A random factor of 1 is between 0 and twice the interval.
		InitialInterval: firstWait / 2, Multiplier: 2, MaxInterval: maxWait / 2, RandomizationFactor: 1,
	}}
}

// NextBackOff returns backoff.Stop if the server asks for more than maxWait, or ctx would end
// during the wait.
func (w *waits) NextBackOff() time.Duration {
	wait := max(w.ExponentialBackOff.NextBackOff(), w.asked)
	if end, ok := w.ctx.Deadline(); wait > maxWait || ok && time.Until(end) <= wait {
		return backoff.Stop
	}
	return wait
}

// repeatable reports whether a method may be sent twice. A read may not: each one is an entry of
// the ledger that its caller has to answer for.
func repeatable(method string) bool {
	switch method {
	case "CreatePiiRecord", "CreatePiiRecords", "DeletePiiRecord", "DeletePiiRecords":
		return true
	}
	return false
}

// mendable reports whether another try may go better. Twirp gives the code internal to
// everything that happens on the way, so the cause behind that code decides.
func mendable(err error) bool {
	var (
		trust *tls.CertificateVerificationError
		token *tokenError
		wrong *answerError
	)
	switch codeOf(err) {
	case twirp.Unavailable, twirp.ResourceExhausted, twirp.DeadlineExceeded, twirp.Aborted, twirp.Unknown:
		return true
	case twirp.Internal:
		return !errors.As(err, &trust) && !errors.As(err, &token) && !errors.As(err, &wrong) &&
			!errors.Is(err, proto.Error) // the request cannot be encoded, or what answers is no Piinguin
	}
	return false
}

// codeOf is empty for an error that is not Twirp's.
func codeOf(err error) twirp.ErrorCode {
	var failure twirp.Error
	if !errors.As(err, &failure) {
		return twirp.NoError
	}
	return failure.Code()
}

// asked is how long the server wants to be left alone: meta.retry_after, in seconds. It says so
// to callers who are beyond their limit.
func asked(err error) time.Duration {
	var failure twirp.Error
	if !errors.As(err, &failure) {
		return 0
	}
	seconds, _ := strconv.ParseUint(failure.Meta(piinguinv1.MetaRetryAfter), 10, 16) // what is no number asks for nothing
	return time.Duration(seconds) * time.Second
}
