package originalgrpc

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/piinguin/piinguin/internal/originaltest"
)

// wantSlow fails the test unless a stream ends because no message arrived.
func wantSlow(t *testing.T, stream *originaltest.Stream) {
	t.Helper()
	if a, err := stream.Receive(); status.Convert(err).Message() != status.Convert(ErrSlowMessage).Message() {
		t.Errorf("the stream ended with %+v, %v", a, err)
	}
}

// TestSilentStreams: streams whose clients are silent may wait, but only so many. A call of one message
// never waits longer than that message may take.
func TestSilentStreams(t *testing.T) {
	s, h, c := newTestServer(t)
	s.messageTime = 50 * time.Millisecond
	close(h.gate)
	if err := s.patience.Acquire(t.Context(), maxPatience-1); err != nil {
		t.Fatal(err)
	}
	open := func(method string) *originaltest.Stream {
		stream, err := c.Open(t.Context(), method)
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	wantSlow(t, open("CreatePiiRecord"))
	// Two are silent, and one of them may wait: which one is open.
	type result struct {
		stream *originaltest.Stream
		answer originaltest.Answer
		err    error
	}
	streams := []*originaltest.Stream{open("DeletePiiRecords"), open("DeletePiiRecords")}
	results := make(chan result, len(streams))
	for _, stream := range streams {
		go func() {
			a, err := stream.Receive()
			results <- result{stream, a, err}
		}()
	}
	ended := <-results
	if status.Convert(ended.err).Message() != status.Convert(ErrSlowMessage).Message() {
		t.Errorf("a stream ended with %+v, %v", ended.answer, ended.err)
	}
	patient := streams[0]
	if ended.stream == patient {
		patient = streams[1]
	}
	if err := patient.Send(originaltest.Delete("k")); err != nil {
		t.Fatal(err)
	}
	if r := <-results; r.err != nil || r.answer.Message != "k" {
		t.Errorf("the patient stream: %+v, %v", r.answer, r.err)
	}
	if err := patient.HalfClose(); err != nil {
		t.Fatal(err)
	}
	if a, err := patient.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the patient stream ended with %+v, %v", a, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.refused) != 2 || !errors.Is(h.refused[0], ErrSlowMessage) || !errors.Is(h.refused[1], ErrSlowMessage) {
		t.Errorf("refused: %v", h.refused)
	}
	if err := s.patience.Acquire(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// TestCallsAreBounded: a call beyond the bound is told to come again.
func TestCallsAreBounded(t *testing.T) {
	s, h, c := newTestServer(t)
	close(h.gate)
	if err := s.calls.Acquire(t.Context(), maxCalls); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(t.Context(), "DeletePiiRecord", originaltest.Delete("k")); status.Convert(err).Message() != status.Convert(ErrBusy).Message() {
		t.Errorf("beyond the bound: %v", err)
	}
	s.calls.Release(maxCalls)
	for range 2 * maxCalls {
		if a, err := c.Call(t.Context(), "DeletePiiRecord", originaltest.Delete("k")); err != nil || a.Message != "k" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
}

// TestConnectionsAreBounded: a client beyond the bound waits until another one has gone.
func TestConnectionsAreBounded(t *testing.T) {
	_, h, _ := newTestServer(t)
	dial := func() net.Conn {
		conn, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	greeted := func(conn net.Conn, within time.Duration) error {
		_ = conn.SetReadDeadline(time.Now().Add(within))
		_, err := conn.Read(make([]byte, 9)) // the server speaks first
		return err
	}
	conns := make([]net.Conn, maxConnections)
	for i := range conns {
		conns[i] = dial()
		if err := greeted(conns[i], time.Minute); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	further := dial()
	if err := greeted(further, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("beyond the bound: %v", err)
	}
	_ = conns[0].Close()
	if err := greeted(further, time.Minute); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
}
