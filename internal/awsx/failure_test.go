package awsx_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/piinguin/piinguin/internal/awsx"
)

// answer is AWS's error as the SDK returns it.
func answer(code string) error {
	api := &smithy.GenericAPIError{Code: code, Message: "the item " + canary}
	return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: canary, Err: fmt.Errorf("%s: %w", canary, api)}
}

// onWay is what net/http returns, with a URL that must not be told.
func onWay(err error) error {
	return &smithy.OperationError{Err: &url.Error{Op: "Post", URL: "https://" + canary, Err: err}}
}

func TestFailureTellsTheCause(t *testing.T) {
	for want, err := range map[string]error{
		"PutItem: AccessDeniedException":                           answer("AccessDeniedException"),
		"PutItem: AWS.SimpleQueueService.NonExistentQueue":         answer("AWS.SimpleQueueService.NonExistentQueue"),
		"PutItem: no answer of AWS, but of something in its place": answer("<html>" + canary),
		"PutItem: no answer: the name cannot be looked up":         onWay(&net.DNSError{Name: canary, IsTimeout: true}),
		"PutItem: no answer: the certificate is not trusted":       onWay(&tls.CertificateVerificationError{Err: errors.New(canary)}),
		"PutItem: no answer: the connection is refused":            onWay(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
		"PutItem: no answer in time":                               onWay(context.DeadlineExceeded),
		"PutItem: no answer":                                       onWay(errors.New(canary)),
	} {
		got := awsx.Failure(t.Context(), "PutItem", err)
		if got == nil || got.Error() != want || errors.Unwrap(got) != nil {
			t.Errorf("Failure: %v, want %s and nothing wrapped", got, want)
		}
	}
	if err := awsx.Failure(t.Context(), "PutItem", nil); err != nil {
		t.Errorf("Failure of nothing: %v", err)
	}
}

// TestCodesHoldNoValue: a proxy may put anything where AWS has its code.
func TestCodesHoldNoValue(t *testing.T) {
	for _, code := range []string{
		"", "alice", "alice@acme.com", "192.0.2.1", "+49301234567", strings.Repeat("A", 65), "Two words", "Line\n", strings.Repeat("Ab1", 20),
	} {
		if got := awsx.Code(answer(code)); got != "" {
			t.Errorf("%q is told as a code", code)
		}
	}
	if awsx.Code(errors.New("AccessDenied")) != "" || awsx.Code(nil) != "" {
		t.Error("what is no answer has a code")
	}
}

func TestFailureOfAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, failure := range []error{awsx.Failure(ctx, "PutItem", answer("Throttled")), awsx.TableFailure(ctx, "PutItem", answer("Throttled"))} {
		if !errors.Is(failure, context.Canceled) || failure.Error() != "PutItem: context canceled" {
			t.Errorf("Failure: %v, want context.Canceled", failure)
		}
	}
	if err := awsx.Failure(ctx, "PutItem", nil); err != nil {
		t.Errorf("a call that succeeded as its context ended has failed: %v", err)
	}
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, begun := 0, time.Now()
		err := awsx.Drain(t.Context(), "BatchGetItem", func() (bool, error) { calls++; return calls < 20, nil })
		if err != nil || calls != 20 {
			t.Errorf("%d calls, want 20: %v", calls, err)
		}
		if waited := time.Since(begun); waited > 19*time.Second || waited < time.Second {
			t.Errorf("19 waits took %s", waited)
		}
	})
}

// TestDrainWaitsAreRandom: callers that were throttled together come back one by one.
func TestDrainWaitsAreRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var short, long bool
		for range 100 {
			calls, begun := 0, time.Now()
			if err := awsx.Drain(t.Context(), "BatchGetItem", func() (bool, error) { calls++; return calls < 2, nil }); err != nil {
				t.Fatal(err)
			}
			waited := time.Since(begun)
			short, long = short || waited < 5*time.Millisecond, long || waited > 15*time.Millisecond
		}
		if !short || !long {
			t.Errorf("of 100 first waits one is short: %t, one is long: %t", short, long)
		}
	})
}

func TestDrainStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := awsx.Drain(t.Context(), "BatchGetItem", func() (bool, error) { calls++; return true, answer("ValidationException") })
		if err == nil || err.Error() != "BatchGetItem: ValidationException" || calls != 1 {
			t.Errorf("after a failure: %d calls, %v", calls, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		err = awsx.Drain(ctx, "BatchGetItem", func() (bool, error) { return true, nil })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("after a minute of %s: %v", time.Since(begun), err)
		}
		calls = 0
		err = awsx.Drain(ctx, "BatchGetItem", func() (bool, error) { calls++; return false, nil })
		if !errors.Is(err, context.DeadlineExceeded) || calls != 0 {
			t.Errorf("with an ended context: %d calls, %v", calls, err)
		}
	})
}

// TestFailureHasACode that a program can compare, whatever stands around it.
func TestFailureHasACode(t *testing.T) {
	for want, err := range map[string]error{
		"AccessDeniedException": answer("AccessDeniedException"),
		"NotAWS":                answer("<html>" + canary),
		"ConnectionRefused":     onWay(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
		"NoAnswerInTime":        onWay(context.DeadlineExceeded),
		"NoAnswer":              onWay(errors.New(canary)),
	} {
		var coded interface{ EngineCode() string }
		if !errors.As(fmt.Errorf("store: %w", awsx.Failure(t.Context(), "PutItem", err)), &coded) || coded.EngineCode() != want {
			t.Errorf("Failure of %T has the code %v, want %s", err, coded, want)
		}
	}
}
