package awsx

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// connections is how many idle connections are kept. net/http keeps two a host: then most of
// many concurrent calls would begin with a TLS handshake.
const connections = 256

func newPool() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
	})
}

// NewHTTPClient returns what Config's clients send by, for a client that is made without Config.
func NewHTTPClient() aws.HTTPClient { return PlainBodies(newPool()) }

// PlainBodies sends by next, and hides from net/http that the SDK's bodies implement
// io.WriterTo. Such a body returns io.EOF once the SDK has closed it, and the SDK does so as
// soon as the response has arrived. net/http takes that for a failed write and breaks the
// connection: about one response in some thousands is lost.
func PlainBodies(next aws.HTTPClient) aws.HTTPClient { return plainBodies{next} }

type plainBodies struct{ next aws.HTTPClient }

// Do implements aws.HTTPClient.
func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.next.Do(r)
}
