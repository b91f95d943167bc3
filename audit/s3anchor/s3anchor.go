// Package s3anchor keeps checkpoints in S3 under Object Lock.
//
//	place, err := s3anchor.New(ctx, s3anchor.Config{Client: client, Bucket: "acme-anchors"})
//	err = place.Keep(ctx, anchor.Name(ledger, size), file)
//
// It promises that nobody deletes or replaces a kept version before its date, the account's root
// user included: the lock is in compliance mode. It does not promise that the version is seen: a
// delete marker hides a kept version, and removes nothing.
//
// The bucket must have Object Lock, which brings versioning. The server needs the rights
// s3:GetBucketObjectLockConfiguration, s3:PutObject and s3:PutObjectRetention, and, to find out
// what is kept already, s3:ListBucket, s3:GetObject and s3:GetObjectRetention. It needs no right to
// delete.
package s3anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/internal/awsx"
)

// DefaultRetention is twelve months: until then nobody can delete a checkpoint.
const DefaultRetention = 365 * 24 * time.Hour

// ErrNoLock says that the bucket has no Object Lock, so its checkpoints would prove nothing.
var ErrNoLock = errors.New("s3anchor: the bucket has no Object Lock: whoever may write to it could remove what is kept")

// Config says where to keep. Client and Bucket are required.
type Config struct {
	Client    *s3.Client
	Bucket    string
	Prefix    string           // of the keys, without slashes at its ends; may be empty
	Retention time.Duration    // 0 means DefaultRetention
	Now       func() time.Time // the clock; nil means time.Now
}

// Place is an anchor.Place in a bucket.
type Place struct{ Config }

// New returns the place of a bucket. It fails with ErrNoLock if the bucket has no
// Object Lock.
func New(ctx context.Context, c Config) (*Place, error) {
	if c.Client == nil || c.Bucket == "" || c.Retention < 0 {
		return nil, errors.New("s3anchor: Config.Client and Bucket are required, and Retention must not be negative")
	}
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	lock, err := c.Client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &c.Bucket})
	switch {
	case awsx.Code(err) == "ObjectLockConfigurationNotFoundError":
		return nil, ErrNoLock
	case err != nil:
		return nil, failure(ctx, "GetObjectLockConfiguration", err)
	case lock.ObjectLockConfiguration == nil || lock.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled:
		return nil, ErrNoLock
	}
	return &Place{c}, nil
}

// ParseURL reads s3://BUCKET or s3://BUCKET/PREFIX.
func ParseURL(text string) (bucket, prefix string, err error) {
	rest, found := strings.CutPrefix(text, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !found || bucket == "" {
		return "", "", errors.New("want s3://BUCKET/PREFIX")
	}
	return bucket, strings.Trim(prefix, "/"), nil
}

// List implements anchor.Place.
func (p *Place) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	root := strings.TrimPrefix(p.Prefix+"/", "/")
	in := &s3.ListObjectsV2Input{Bucket: &p.Bucket, Prefix: aws.String(root + prefix), Delimiter: aws.String("/")}
	if after != "" {
		in.StartAfter = aws.String(root + after)
	}
	return func(yield func(string, error) bool) {
		for pages := s3.NewListObjectsV2Paginator(p.Client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield("", failure(ctx, "ListObjectsV2", err))
				return
			}
			for _, o := range page.Contents {
				if !yield(strings.TrimPrefix(aws.ToString(o.Key), root), nil) {
					return
				}
			}
		}
	}
}

// Read implements anchor.Place.
func (p *Place) Read(ctx context.Context, name string) ([]byte, error) {
	object, err := p.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.Bucket, Key: aws.String(strings.TrimPrefix(p.Prefix+"/"+name, "/"))})
	if awsx.Code(err) == "NoSuchKey" {
		return nil, fmt.Errorf("s3anchor: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, failure(ctx, "GetObject", err)
	}
	defer func() { _ = object.Body.Close() }()
	kept, err := io.ReadAll(io.LimitReader(object.Body, anchor.MaxKept))
	return kept, failure(ctx, "GetObject", err)
}

// Keep implements anchor.Place.
func (p *Place) Keep(ctx context.Context, name string, data []byte) error {
	key := strings.TrimPrefix(p.Prefix+"/"+name, "/")
	_, err := p.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.Bucket, Key: &key, Body: bytes.NewReader(data),
		ContentType:               aws.String("text/plain; charset=utf-8"),
		IfNoneMatch:               aws.String("*"),
		ChecksumAlgorithm:         types.ChecksumAlgorithmSha256,
		ObjectLockMode:            types.ObjectLockModeCompliance,
		ObjectLockRetainUntilDate: aws.Time(p.Now().Add(p.Retention)),
	})
	switch awsx.Code(err) {
	// The SDK may get here by its own retry, after the reply to its success was lost.
	case "PreconditionFailed", "ConditionalRequestConflict":
		return p.compare(ctx, name, key, data)
	}
	if err != nil {
		return failure(ctx, "PutObject", err)
	}
	return nil
}

func (p *Place) compare(ctx context.Context, name, key string, data []byte) error {
	object, err := p.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.Bucket, Key: &key})
	if err != nil {
		return failure(ctx, "GetObject", err)
	}
	defer func() { _ = object.Body.Close() }()
	kept, err := io.ReadAll(io.LimitReader(object.Body, anchor.MaxKept))
	if err != nil {
		return failure(ctx, "GetObject", err)
	}
	if err := p.lock(ctx, key, object); err != nil {
		return err
	}
	if !bytes.Equal(kept, data) {
		return &anchor.ConflictError{Name: name, Kept: kept}
	}
	return nil
}

// lock locks an object that has no lock: somebody else made it, or its retention has ended. Without
// this a checkpoint would count as kept although somebody can remove it.
func (p *Place) lock(ctx context.Context, key string, object *s3.GetObjectOutput) error {
	until := object.ObjectLockRetainUntilDate
	if object.ObjectLockMode == types.ObjectLockModeCompliance && until != nil && until.After(p.Now()) {
		return nil
	}
	_, err := p.Client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{
		Bucket: &p.Bucket, Key: &key, VersionId: object.VersionId,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		Retention: &types.ObjectLockRetention{
			Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: aws.Time(p.Now().Add(p.Retention)),
		},
	})
	if err != nil {
		return failure(ctx, "PutObjectRetention", err)
	}
	return nil
}

// failure returns what may be told of a call that failed, or nil.
func failure(ctx context.Context, operation string, err error) error {
	if err = awsx.Failure(ctx, operation, err); err != nil {
		return fmt.Errorf("s3anchor: %w", err)
	}
	return nil
}
