package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/store"
)

// TestBatchesStateWhy: a server that requires purpose and reference requires them of a batch as
// of a single read.
func TestBatchesStateWhy(t *testing.T) {
	v := newMemServer(t, nil, func(c *server.Config) { c.RequirePurpose, c.RequireReference = true, true })
	v.put(t, "a")
	read := func(purpose, reference string) error {
		req := readsRequest("a")
		req.Purpose, req.Reference = purpose, reference
		_, err := v.as(t, "reader").ReadPiiRecords(t.Context(), req)
		return err
	}
	wantFailure(t, "no purpose", read("", "T-1"), twirp.InvalidArgument, "purpose_required")
	wantFailure(t, "no reference", read("test", " "), twirp.InvalidArgument, "reference_required")
	if err := read("test", "T-1"); err != nil {
		t.Errorf("with both: %v", err)
	}
	if n := len(v.entries(t)); n != 1 {
		t.Errorf("%d entries, want the one of the read that was let through", n)
	}
}

// TestSingleReadsCount: reads one by one and reads in batches count for the same limit.
func TestSingleReadsCount(t *testing.T) {
	c := &clock{time.Now()}
	v := newMemServer(t, nil, func(s *server.Config) { s.Limits.RecordsPerMinute, s.Now = 1, c.read })
	v.put(t, "a")
	single := func() error {
		_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
		return err
	}
	batch := func(n int) error {
		_, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(slices.Repeat([]string{"a"}, n)...))
		return err
	}
	if err := batch(piinguinv1.MaxBatch - 2); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := single(); err != nil {
			t.Fatal(err)
		}
	}
	wantFailure(t, "a single read beyond", single(), twirp.ResourceExhausted, "too_many_requests")
	wantFailure(t, "a batch beyond", batch(1), twirp.ResourceExhausted, "too_many_requests")
}

// deadlines is a store that keeps the deadline of each call.
type deadlines struct {
	*store.Mem
	seen chan time.Duration // until the deadline; 0 for none
}

func (d deadlines) note(ctx context.Context) {
	at, ok := ctx.Deadline()
	if !ok {
		at = time.Now()
	}
	d.seen <- time.Until(at)
}

func (d deadlines) Get(ctx context.Context, keys []string) []store.GetResult {
	d.note(ctx)
	return d.Mem.Get(ctx, keys)
}

func (d deadlines) Put(ctx context.Context, records []store.Record) []store.PutResult {
	d.note(ctx)
	return d.Mem.Put(ctx, records)
}

func (d deadlines) Erase(ctx context.Context, keys []string, at time.Time) []store.EraseResult {
	d.note(ctx)
	return d.Mem.Erase(ctx, keys, at)
}

// TestRequestsHaveADeadline: no request waits for its store for ever, whatever its caller does.
func TestRequestsHaveADeadline(t *testing.T) {
	const most = 20 * time.Second
	d := deadlines{store.NewMem(), make(chan time.Duration, 1)}
	s, _ := newTestServer(t, d, audit.Config{Store: audit.NewMem(), AppendTimeout: time.Minute})
	for _, c := range calls {
		if c.role == "auditor" {
			continue // asks no store
		}
		_ = c.call(t.Context(), s.as(t, c.role))
		if left := <-d.seen; left <= 0 || left > most {
			t.Errorf("%s: the store has %v, want at most %v", c.method, left, most)
		}
	}
}

// TestCutBody: a body that ends before its sender ended it is refused, even if what arrived could
// be taken for a whole message.
func TestCutBody(t *testing.T) {
	message, err := proto.Marshal(&piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{{ModifiedValue: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	const asJSON = `{"pii_records":[{"modified_value":"a","original_value":""}]}`
	for name, c := range map[string]struct{ contentType, body string }{
		"JSON in chunks":         {"json", inOneChunk(asJSON)},
		"JSON with a length":     {"json", withMoreToCome(asJSON)},
		"protobuf in chunks":     {"protobuf", inOneChunk(string(message))}, // of which more items could follow
		"protobuf with a length": {"protobuf", withMoreToCome(string(message))},
	} {
		t.Run(name, func(t *testing.T) {
			v := newMemServer(t, nil)
			answer := v.sendCut(t, "POST /twirp/piinguin.v1.Piinguin/CreatePiiRecords HTTP/1.1\r\nHost: localhost\r\n"+
				"Authorization: Bearer dev-writer\r\nContent-Type: application/"+c.contentType+"\r\n"+c.body)
			if bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
				t.Errorf("the answer is a success: %s", answer)
			}
			if n := len(v.entries(t)); n != 0 {
				t.Errorf("%d entries: it was taken for whole", n)
			}
		})
	}
}

// inOneChunk is the end of a head and a first chunk, without the chunk that ends a body.
func inOneChunk(body string) string {
	return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
}

// withMoreToCome is the end of a head and a body that is a byte shorter than the head says.
func withMoreToCome(body string) string {
	return "Content-Length: " + strconv.Itoa(len(body)+1) + "\r\n\r\n" + body
}

// sendCut sends text, ends the sending side of the connection, and returns the answer.
func (f *testServer) sendCut(t *testing.T, text string) []byte {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(f.address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	sender, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("the connection is a %T", conn)
	}
	if err := sender.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
