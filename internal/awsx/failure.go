package awsx

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/piinguin/piinguin/internal/noanswer"
)

// codePattern is the form of AWS's error codes, such as AccessDenied and
// AWS.SimpleQueueService.NonExistentQueue. It takes no pseudonym, e-mail address, IP address or
// telephone number: a proxy that answers in AWS's place may put anything there.
var codePattern = regexp.MustCompile(`^[A-Z][A-Za-z.]{0,63}$`)

// Code returns AWS's error code, or "" if err is no answer of AWS.
func Code(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) && codePattern.MatchString(answer.ErrorCode()) {
		return answer.ErrorCode()
	}
	return ""
}

// Failure returns an error that is safe to log and to answer: the operation, and why it failed.
// It is nil if err is. If ctx has ended it wraps ctx.Err() and nothing else, because a time-out
// inside the SDK looks the same in err; otherwise it wraps nothing.
func Failure(ctx context.Context, operation string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %w", operation, ended)
	}
	if code := Code(err); code != "" {
		return &failure{operation + ": " + code, code}
	}
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return &failure{operation + ": no answer of AWS, but of something in its place", "NotAWS"}
	}
	return &failure{operation + ": " + noanswer.Why(err), noanswer.Code(err)}
}

// failure is why a call of AWS failed.
type failure struct{ text, code string }

// Error implements error.
func (f *failure) Error() string { return f.text }

// EngineCode returns AWS's error code, or a code of the same form for what kept the answer from
// coming. It never holds a value.
func (f *failure) EngineCode() string { return f.code }

// TableFailure is Failure for an operation on a whole table. It adds AWS's text, which names
// the right that is missing and knows no item.
func TableFailure(ctx context.Context, operation string, err error) error {
	told := Failure(ctx, operation, err)
	var answer smithy.APIError
	if ctx.Err() != nil || Code(err) == "" || !errors.As(err, &answer) {
		return told
	}
	return fmt.Errorf("%w: %s", told, printable(answer.ErrorMessage()))
}

// maxText bounds AWS's text, in bytes.
const maxText = 500

// printable replaces what is not ASCII, so that a text cannot break a line of the log.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text[:min(len(text), maxText)])
}
