// Package quarantine has the places for records that a relay can never store: a queue of
// SQS, which is told where a record stands and why, and never what it holds; and a bucket
// of S3, which keeps the record itself, encrypted by a key of KMS.
package quarantine

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/smithy-go"
)

var codePattern = regexp.MustCompile(`^[A-Za-z0-9.]{1,128}$`)

// failure keeps of an SDK error nothing but AWS's code.
func failure(ctx context.Context, operation string, err error) error {
	var api smithy.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api) && codePattern.MatchString(api.ErrorCode()):
		return fmt.Errorf("quarantine: %s: %s", operation, api.ErrorCode())
	case ctx.Err() != nil:
		return fmt.Errorf("quarantine: %s: there was no time for it", operation)
	default:
		return fmt.Errorf("quarantine: %s: AWS did not answer", operation)
	}
}
