package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/piinguin/piinguin/internal/awsx"
)

const s3Scheme = "s3://"

// objectsOf returns the objects whose keys begin with the prefix of an s3://BUCKET/PREFIX,
// in the order of their keys. The AWS settings are those of awsx.Config.
func objectsOf(ctx context.Context, name string) ([]*source, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(name, s3Scheme), "/")
	if bucket == "" {
		return nil, fmt.Errorf("%s names no bucket: s3://BUCKET/PREFIX", name)
	}
	cfg, err := awsx.Config(ctx)
	if err != nil {
		return nil, err
	}
	client := awsx.NewS3(cfg)
	var sources []*source
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, awsx.Failure(ctx, "ListObjectsV2", err))
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if strings.HasSuffix(key, "/") && aws.ToInt64(o.Size) == 0 {
				continue // what stands for a folder
			}
			sources = append(sources, &source{
				name: s3Scheme + bucket + "/" + key, size: aws.ToInt64(o.Size), get: getter(client, bucket, o),
			})
		}
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("%s: no object has that prefix", name)
	}
	return sources, nil
}

// getter opens an object as it was listed. If the object has changed since, that is an error.
func getter(client *s3.Client, bucket string, o types.Object) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: o.Key, IfMatch: o.ETag})
		if err != nil {
			return nil, awsx.Failure(ctx, "GetObject", err)
		}
		return out.Body, nil
	}
}
