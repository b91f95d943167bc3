package dynamotest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Trouble is what happens to one request on a bad way to the engine. The zero Trouble
// is nothing.
type Trouble struct {
	// Delay is how long the request is on its way. It arrives even if its sender has
	// given up meanwhile.
	Delay time.Duration
	// Throttle has the service refuse the request for its rate. It does not arrive.
	Throttle bool
	// Cut breaks the connection.
	Cut Cut
}

// Cut is where a connection breaks.
type Cut int

// The places.
const (
	NoCut         Cut = iota
	BeforeRequest     // the engine gets nothing
	AfterRequest      // the engine did it; nothing of the reply comes back
	InReply           // half of the reply comes back
)

// ProxyClient returns a client that reaches DynamoDB Local over TCP through a proxy, with
// such trouble as a plan says for each request, by its number from 1. Unlike FaultyClient
// it leaves connections to break, and requests to arrive late. The plan is called from
// many goroutines.
func ProxyClient(t testing.TB, plan func(n int) Trouble, options ...func(*dynamodb.Options)) *dynamodb.Client {
	t.Helper()
	p := &proxy{engine: newTransport(t), endpoint: Endpoint(t), plan: plan}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close) // waits for what is on its way
	return newClient(t, newTransport(t), append([]func(*dynamodb.Options){
		func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(server.URL) },
	}, options...))
}

// RandomTrouble returns a plan that has one request of so many in some trouble, the same for the
// same seed. Delays are up to 20 ms.
func RandomTrouble(seed uint64, oneOf int) func(n int) Trouble {
	return func(n int) Trouble {
		random := rand.New(rand.NewPCG(seed, uint64(n))) //nolint:gosec // the same trouble each time
		if random.IntN(oneOf) > 0 {
			return Trouble{}
		}
		delay := time.Duration(1+random.IntN(20)) * time.Millisecond
		return []Trouble{
			{Delay: delay}, {Throttle: true}, {Cut: BeforeRequest}, {Cut: AfterRequest}, {Cut: InReply},
			{Delay: delay, Cut: AfterRequest},
		}[random.IntN(6)]
	}
}

type proxy struct {
	engine   http.RoundTripper
	endpoint string
	plan     func(n int) Trouble
	requests atomic.Int64
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(p.requests.Add(1))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the sender is gone before all was sent
	}
	trouble := p.plan(n) // now, as a plan may have the sender give up
	if trouble.Delay > 0 {
		<-time.After(trouble.Delay)
	}
	switch {
	case trouble.Throttle:
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+Throttled.Code+`"}`)
		return
	case trouble.Cut == BeforeRequest:
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	status, header, reply, err := p.forward(r, body)
	if err != nil || trouble.Cut == AfterRequest {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), header)
	w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	w.WriteHeader(status)
	if trouble.Cut == InReply {
		_, _ = w.Write(reply[:len(reply)/2]) //nolint:gosec // no browser reads it
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(reply) //nolint:gosec // no browser reads it; whoever does may be gone
}

// forward has the engine do a request, whether or not its sender still waits.
func (p *proxy) forward(r *http.Request, body []byte) (status int, header http.Header, reply []byte, err error) {
	ctx := context.WithoutCancel(r.Context())
	to, err := http.NewRequestWithContext(ctx, r.Method, p.endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	to.Header = r.Header.Clone()
	answer, err := p.engine.RoundTrip(to)
	if err != nil {
		return 0, nil, nil, err
	}
	reply, err = io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, reply, errors.Join(err, answer.Body.Close())
}
