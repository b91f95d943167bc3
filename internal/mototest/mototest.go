// Package mototest connects tests to moto's server, a local stand-in for AWS's APIs.
package mototest

import (
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/piinguin/piinguin/internal/awsx"
)

const endpointVariable = "PIINGUIN_TEST_MOTO"

// Endpoint returns the URL of moto. Without one the test fails: a test that skips
// itself would let the driver go untested.
func Endpoint(t testing.TB) string {
	t.Helper()
	url := os.Getenv(endpointVariable)
	if url == "" {
		t.Fatal("run `make test`, which starts moto, or set " + endpointVariable)
	}
	return url
}

// S3 returns a client of moto's S3; a nil transport is net/http's.
func S3(t testing.TB, transport http.RoundTripper) *s3.Client {
	t.Helper()
	url := Endpoint(t)
	return s3.New(s3.Options{
		Region: "eu-central-1", BaseEndpoint: &url, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("piinguin", "piinguin", ""),
		HTTPClient:  awsx.PlainBodies(&http.Client{Transport: transport}),
		// The SDK's own attempts, without its waits of many seconds.
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond }),
	})
}

// Kinesis returns a client of moto's Kinesis, and a stream that no other test has.
func Kinesis(t testing.TB, shards int32) (client *kinesis.Client, stream string) {
	t.Helper()
	url := Endpoint(t)
	client = kinesis.New(kinesis.Options{
		Region: "eu-central-1", BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider("piinguin", "piinguin", ""),
		HTTPClient:  awsx.NewHTTPClient(),
	})
	stream = "test-" + strings.ToLower(rand.Text())
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
	return client, stream
}

// SQS returns a client of moto's SQS, and the URL of a queue that no other test has.
func SQS(t testing.TB) (client *sqs.Client, queue string) {
	t.Helper()
	url := Endpoint(t)
	client = sqs.New(sqs.Options{
		Region: "eu-central-1", BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider("piinguin", "piinguin", ""),
		HTTPClient:  awsx.NewHTTPClient(),
	})
	name := "test-" + strings.ToLower(rand.Text())
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return client, *out.QueueUrl
}

// Receive takes one message out of a queue and returns its body, or nothing if none comes
// for some seconds. A message whose answer was lost on the way comes again.
func Receive(t testing.TB, client *sqs.Client, queue string) string {
	t.Helper()
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 5, VisibilityTimeout: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) == 0 {
		return ""
	}
	m := out.Messages[0]
	if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	return *m.Body
}

// Bucket makes a bucket that no other test has. What is under Object Lock can't be
// removed: it goes with moto.
func Bucket(t testing.TB, client *s3.Client, lock bool) string {
	t.Helper()
	name := "test-" + strings.ToLower(rand.Text())
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, ObjectLockEnabledForBucket: &lock,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuCentral1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}
