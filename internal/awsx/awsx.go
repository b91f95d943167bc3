// Package awsx holds what all clients of AWS in both binaries have in common: where their
// settings come from, how they send, and what may be told of a call that failed.
//
//	cfg, err := awsx.Config(ctx)
//	...
//	client := sqs.NewFromConfig(cfg)
//	_, err = client.SendMessage(ctx, in)
//	return awsx.Failure(ctx, "SendMessage", err)
//
// It promises that no text of the SDK, of AWS or of a proxy gets into an error: such a text may
// quote an item, a request or a setting. An error names the operation and AWS's error code, or
// says what kept the answer from coming.
//
// It does not promise that a call had no effect when it failed: without an answer the outcome is
// unknown, and the caller has to find out.
package awsx

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

var (
	// ErrSettings says that the SDK could not use a setting that it found. The SDK's own error
	// would quote the setting.
	ErrSettings = errors.New("the AWS settings cannot be read")
	// ErrNoRegion says that no setting names a region.
	ErrNoRegion = errors.New("no AWS region is set; set AWS_REGION")
)

// Config reads the settings from where the SDK looks for them: AWS_REGION, AWS_PROFILE,
// AWS_ENDPOINT_URL and its kind, files and roles. Every client of a process should be made from
// one Config, because they then share connections. The SDK's own log is off: nobody has checked
// what it quotes.
//
// Errors: ErrSettings and ErrNoRegion.
func Config(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(newPool()), config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, ErrSettings
	}
	if cfg.Region == "" {
		return aws.Config{}, ErrNoRegion
	}
	// Only now: to load AWS_CA_BUNDLE the SDK needs the pool itself.
	cfg.HTTPClient = PlainBodies(cfg.HTTPClient)
	return cfg, nil
}

// NewS3 returns a client of S3. At an endpoint of the operator's own, such as MinIO, a bucket is
// the first part of the path: such an endpoint has no DNS name for each bucket.
func NewS3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
}
