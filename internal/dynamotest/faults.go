package dynamotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Fault is what goes wrong with one HTTP request, an attempt of the SDK. The zero
// Fault is none: the engine answers.
type Fault struct {
	// Err takes the place of an answer: the connection broke.
	Err error
	// Status and Code take the place of an answer: an error of the service, e.g. 400
	// and ProvisionedThroughputExceededException. Message is its text.
	Status  int
	Code    string
	Message string
	// Apply gives the request to the engine nevertheless: the reply is what is lost.
	Apply bool
	// Unprocessed is how many of a batch's keys or items, of its last ones, the engine
	// does not get and the answer names as unprocessed. For BatchGetItem and
	// BatchWriteItem of one table, without Err and Status. Statements of a
	// BatchExecuteStatement fail with Code and Message, or without a Code have no answer;
	// with Apply the engine does them nevertheless.
	Unprocessed int
}

// Throttled is the Fault of a request that the service refuses for its rate.
var Throttled = Fault{Status: http.StatusBadRequest, Code: "ProvisionedThroughputExceededException"}

// FaultyClient returns a client for DynamoDB Local whose requests go wrong as f
// says. It is told the operation, e.g. PutItem, and which request of that
// operation it is, from 1, the SDK's own retries counted. It may wait, and is called
// from many goroutines.
func FaultyClient(t testing.TB, f func(op string, call int) Fault, options ...func(*dynamodb.Options)) *dynamodb.Client {
	t.Helper()
	return newClient(t, &faulty{engine: newTransport(t), f: f, calls: map[string]int{}}, options)
}

type faulty struct {
	engine http.RoundTripper
	f      func(op string, call int) Fault
	mu     sync.Mutex
	calls  map[string]int
}

func (ft *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	ft.mu.Lock()
	ft.calls[op]++
	call := ft.calls[op]
	ft.mu.Unlock()
	fault := ft.f(op, call)
	switch {
	case fault.Unprocessed > 0 && op == "BatchExecuteStatement":
		return ft.failStatements(r, fault)
	case fault.Unprocessed > 0:
		return ft.cut(r, fault.Unprocessed)
	case fault.Err == nil && fault.Status == 0:
		return ft.engine.RoundTrip(r)
	case fault.Apply:
		if err := ft.apply(r); err != nil {
			return nil, err
		}
	}
	if fault.Err != nil {
		return nil, fault.Err
	}
	return reply(r, fault.Status, map[string]any{
		"__type": "com.amazonaws.dynamodb.v20120810#" + fault.Code, "message": fault.Message,
	})
}

// apply has the engine do a request, and throws its answer away.
func (ft *faulty) apply(r *http.Request) error {
	answer, err := ft.engine.RoundTrip(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return errors.Join(err, answer.Body.Close())
}

// cut has the engine do a batch without its last n keys or items.
func (ft *faulty) cut(r *http.Request, n int) (*http.Response, error) {
	b, err := readBatch(r, n)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{b.leftName: b.left}
	if b.kept > 0 {
		if answer, err = ft.ask(r, b.request); err != nil {
			return nil, err
		}
		answer[b.leftName] = b.left
	} else if b.leftName == "UnprocessedKeys" {
		answer["Responses"] = map[string]any{}
	}
	return reply(r, http.StatusOK, answer)
}

func (ft *faulty) ask(r *http.Request, request []byte) (map[string]any, error) {
	cut := r.Clone(r.Context())
	cut.Body, cut.ContentLength = io.NopCloser(bytes.NewReader(request)), int64(len(request))
	cut.Header.Set("Content-Length", fmt.Sprint(len(request)))
	answer, err := ft.engine.RoundTrip(cut)
	if err != nil {
		return nil, err
	}
	var decoded map[string]any
	err = json.NewDecoder(answer.Body).Decode(&decoded)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("dynamotest: the engine answers the cut batch with %d", answer.StatusCode)
	}
	return decoded, nil
}

// batch is a batch request for one table, in two parts.
type batch struct {
	request  []byte         // what the engine gets
	kept     int            // how many keys or items that holds
	left     map[string]any // the rest, as a request of its own
	leftName string         // the answer's name for the rest
}

func readBatch(r *http.Request, n int) (batch, error) {
	var request map[string]any
	err := json.NewDecoder(r.Body).Decode(&request)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return batch{}, err
	}
	tables, _ := request["RequestItems"].(map[string]any)
	if len(tables) != 1 {
		return batch{}, fmt.Errorf("dynamotest: Unprocessed is for a batch of one table, this is of %d", len(tables))
	}
	var b batch
	for table, content := range tables {
		items, ok := content.([]any)
		b.leftName = "UnprocessedItems"
		rest := func(part []any) any { return part }
		if get, isGet := content.(map[string]any); isGet {
			items, ok = get["Keys"].([]any)
			b.leftName = "UnprocessedKeys"
			rest = func(part []any) any { return withKeys(get, part) }
		}
		if !ok {
			return batch{}, errors.New("dynamotest: Unprocessed is for a batch")
		}
		b.kept = max(0, len(items)-n)
		b.left = map[string]any{table: rest(items[b.kept:])}
		tables[table] = rest(items[:b.kept])
	}
	b.request, err = json.Marshal(request)
	return b, err
}

func withKeys(get map[string]any, keys []any) map[string]any {
	part := maps.Clone(get)
	part["Keys"] = keys
	return part
}

func reply(r *http.Request, status int, body map[string]any) (*http.Response, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:          io.NopCloser(bytes.NewReader(encoded)),
		ContentLength: int64(len(encoded)),
	}, nil
}
