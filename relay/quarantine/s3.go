package quarantine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/relay"
)

// putsAtOnce bounds the requests that run at the same time.
const putsAtOnce = 8

// S3 is a bucket, or a prefix in one. The object PREFIX/STREAM/SHARD/SEQUENCE-NUMBER is a record as
// it came, with the reason in its metadata; a part of an aggregated record has its sub-sequence
// number behind a dot. S3 needs s3:PutObject, and kms:GenerateDataKey on the key. It is safe for
// concurrent use.
type S3 struct {
	client              *s3.Client
	bucket, prefix, key string
}

// NewS3 returns the place of a bucket. The key is the ID, ARN or alias of a key of KMS (SSE-KMS):
// nobody reads the records without the right to use it.
func NewS3(client *s3.Client, bucket, prefix, key string) (*S3, error) {
	if client == nil || bucket == "" || key == "" {
		return nil, errors.New("quarantine: a client, a bucket and a key of KMS are required")
	}
	return &S3{client, bucket, prefix, key}, nil
}

// Put implements relay.Quarantine. A record that comes again replaces its object.
func (s *S3) Put(ctx context.Context, records []relay.Quarantined) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(putsAtOnce)
	for _, r := range records {
		g.Go(func() error {
			_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &s.bucket, Key: aws.String(s.name(r)), Body: bytes.NewReader(r.Data()),
				ContentType:          aws.String("application/octet-stream"),
				ChecksumAlgorithm:    types.ChecksumAlgorithmSha256,
				ServerSideEncryption: types.ServerSideEncryptionAwsKms,
				SSEKMSKeyId:          &s.key,
				BucketKeyEnabled:     aws.Bool(true),
				Metadata:             map[string]string{"reason": string(r.Reason)},
			})
			return failure(ctx, "PutObject", err)
		})
	}
	return g.Wait()
}

func (s *S3) name(r relay.Quarantined) string {
	const unknown = "unknown"
	return path.Join(s.prefix, cmp.Or(r.Stream, unknown), cmp.Or(r.Shard, unknown), r.Place())
}
