// Package quarantine has the places for records that a relay can never store: a queue of
// SQS, which is told where a record stands and why, and never what it holds; and a bucket
// of S3, which keeps the record itself, encrypted by a key of KMS.
package quarantine

import (
	"context"
	"fmt"

	"github.com/piinguin/piinguin/internal/awsx"
)

// failure returns what may be told of a call that failed, or nil.
func failure(ctx context.Context, operation string, err error) error {
	if err = awsx.Failure(ctx, operation, err); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}
