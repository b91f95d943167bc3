// Package dynamotest connects tests to DynamoDB Local, AWS's own engine, and puts
// faults in front of it that the engine cannot make.
package dynamotest

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/internal/awsx"
)

const endpointVariable = "PIINGUIN_TEST_DYNAMODB"

// Endpoint returns the URL of DynamoDB Local. Without one the test fails: a test
// that skips itself would let the real engine go untested.
func Endpoint(t testing.TB) string {
	t.Helper()
	url := os.Getenv(endpointVariable)
	if url == "" {
		t.Fatal("run `make test`, which starts DynamoDB Local, or set " + endpointVariable)
	}
	return url
}

// Client returns a client for DynamoDB Local. Options may change it, for one the
// number of attempts.
func Client(t testing.TB, options ...func(*dynamodb.Options)) *dynamodb.Client {
	t.Helper()
	return newClient(t, newTransport(t), options)
}

// newTransport keeps a connection for each caller of a test with many: Go's default
// of two a host opens new ones all the time.
func newTransport(t testing.TB) *http.Transport {
	transport := &http.Transport{MaxIdleConnsPerHost: 128}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func newClient(t testing.TB, transport http.RoundTripper, options []func(*dynamodb.Options)) *dynamodb.Client {
	t.Helper()
	return dynamodb.New(dynamodb.Options{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(Endpoint(t)),
		Credentials:  credentials.NewStaticCredentialsProvider("piinguin", "piinguin", ""),
		// Without plain bodies a connection breaks now and then, and tests count attempts.
		HTTPClient: awsx.PlainBodies(&http.Client{Transport: transport}),
		// The SDK's own attempts, without its waits of many seconds.
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond }),
	}, options...)
}

// Attempts is an option for a client: how often the SDK tries a request, 1 for no
// retry. Without it that is 3 times.
func Attempts(n int) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) { o.RetryMaxAttempts = n }
}

// Table returns a table name that no other test has. If the test makes that table it
// is deleted at the end, deletion protection or not.
func Table(t testing.TB, prefix string) string {
	t.Helper()
	name, client := prefix+"-"+rand.Text(), Client(t)
	t.Cleanup(func() {
		ctx := context.Background() // t's own is done by now
		// Either may fail: the engine may not know the protection, or the table.
		_, _ = client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &name, DeletionProtectionEnabled: aws.Bool(false)})
		_, _ = client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
	})
	return name
}
