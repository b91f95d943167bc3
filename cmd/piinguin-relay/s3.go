package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

const s3Scheme = "s3://"

// objectsOf returns the objects whose keys begin with the prefix of an s3://BUCKET/PREFIX,
// in the order of their keys. AWS settings come from where the AWS SDK finds them.
func objectsOf(ctx context.Context, name string) ([]*source, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(name, s3Scheme), "/")
	if bucket == "" {
		return nil, fmt.Errorf("%s names no bucket: s3://BUCKET/PREFIX", name)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, errors.New("the AWS settings cannot be read")
	}
	client := s3.NewFromConfig(cfg, pathStyle)
	var sources []*source
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, awsFailure(err, "S3 cannot be reached"))
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if strings.HasSuffix(key, "/") {
				continue // what stands for a folder
			}
			sources = append(sources, &source{name: s3Scheme + bucket + "/" + key, size: aws.ToInt64(o.Size), get: getter(client, bucket, key)})
		}
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("%s: no object has that prefix", name)
	}
	return sources, nil
}

// pathStyle suits an endpoint of one's own, which has no name for each bucket.
func pathStyle(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }

func getter(client *s3.Client, bucket, key string) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return nil, awsFailure(err, "S3 cannot be reached")
		}
		return out.Body, nil
	}
}

// awsFailure keeps of an SDK error AWS's code and text, which know no content.
func awsFailure(err error, otherwise string) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return errors.New(otherwise)
}
