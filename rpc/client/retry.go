package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
)

const (
	// DefaultAttempts is how often a call is sent at most if Config says nothing.
	DefaultAttempts = 4
	maxAttempts     = 100
)

// The wait after the nth try is random, up to firstWait doubled n times: callers
// who failed together do not come back together.
const (
	firstWait = 100 * time.Millisecond
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
		again := r.reads || repeatable(method)
		for n := 1; ; n++ {
			answer, err := next(ctx, request)
			if err == nil || !again || n == r.attempts || !mendable(err) || !pause(ctx, max(backoff(n), asked(err))) {
				return answer, err
			}
			r.notify(ctx, method, codeOf(err))
		}
	}
}

// repeatable reports whether a method may be sent twice without a trace that its
// caller did not ask for: a read is an entry of its own each time.
func repeatable(method string) bool {
	switch method {
	case "CreatePiiRecord", "CreatePiiRecords", "DeletePiiRecord", "DeletePiiRecords":
		return true
	}
	return false
}

// mendable reports whether another try may go better. Twirp makes the code internal
// of everything that happens on the way, so that code is looked into.
func mendable(err error) bool {
	var (
		trust *tls.CertificateVerificationError
		token *tokenError
	)
	switch codeOf(err) {
	case twirp.Unavailable, twirp.ResourceExhausted, twirp.DeadlineExceeded, twirp.Aborted, twirp.Unknown:
		return true
	case twirp.Internal:
		return !errors.As(err, &trust) && !errors.As(err, &token) && !redirected(err) &&
			!errors.Is(err, proto.Error) // the request cannot be encoded, or what answers is no Piinguin
	}
	return false
}

func redirected(err error) bool {
	var failure twirp.Error
	return errors.As(err, &failure) && failure.Meta("http_error_from_intermediary") == "true" &&
		strings.HasPrefix(failure.Meta("status_code"), "3")
}

// codeOf is empty for an error that is not Twirp's.
func codeOf(err error) twirp.ErrorCode {
	var failure twirp.Error
	if !errors.As(err, &failure) {
		return twirp.NoError
	}
	return failure.Code()
}

// backoff is how long to wait after the nth try.
func backoff(n int) time.Duration {
	limit := firstWait
	for range n {
		limit = min(2*limit, maxWait)
	}
	return rand.N(limit + 1) //nolint:gosec // G404: it spreads load and guards nothing
}

// asked is how long the server wants to be left alone: meta.retry_after, in seconds. It
// tells so of callers who are beyond their limit.
func asked(err error) time.Duration {
	var failure twirp.Error
	if !errors.As(err, &failure) {
		return 0
	}
	seconds, _ := strconv.ParseUint(failure.Meta("retry_after"), 10, 16) // what is no number asks for nothing
	return time.Duration(seconds) * time.Second
}

// pause reports whether the wait was worth it: false at once if it is too long or the
// context would end before, and when it does end.
func pause(ctx context.Context, wait time.Duration) bool {
	if wait > maxWait {
		return false
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil // both may have come about
}
