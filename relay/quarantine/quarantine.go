// Package quarantine keeps records that the relay can never store, for people to look at. It has two
// places, each of which is a relay.Quarantine:
//
//	to, err := quarantine.NewSQS(sqs.NewFromConfig(cfg), queueURL)
//	to, err := quarantine.NewS3(s3.NewFromConfig(cfg), bucket, prefix, kmsKey)
//
// An SQS queue gets the position of each record and the reason, never its content. An S3 bucket gets
// the record as it came, encrypted with a KMS key: that is personal data, to be erased as such.
//
// Put returns nil only when all its records are durable. It may keep a record twice: in S3 under
// the same name, in SQS as two messages. Its errors name the operation and AWS's code, never a record.
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
