package originalgrpc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/piinguin/piinguin/internal/originaltest"
)

// testHandler answers each request with its key, and with a value of the given size. While gate is not
// closed it waits.
type testHandler struct {
	size    int
	gate    chan struct{}
	stop    func() // of the server
	address string // of the server

	mu      sync.Mutex
	groups  [][]Request
	refused []error
	done    int // groups whose answers take no more memory
}

func (h *testHandler) Handle(_ context.Context, _ Method, from netip.Addr, requests []Request) ([]Answer, func()) {
	h.mu.Lock()
	h.groups = append(h.groups, requests)
	h.mu.Unlock()
	<-h.gate
	answers := make([]Answer, len(requests))
	for i, r := range requests {
		answers[i] = Answer{Success: true, Message: r.ModifiedValue, ModifiedValue: from.String(), OriginalValue: strings.Repeat("v", h.size)}
	}
	return answers, func() { h.mu.Lock(); defer h.mu.Unlock(); h.done++ }
}

func (h *testHandler) Refused(_ Method, _ netip.Addr, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = append(h.refused, err)
}

func (h *testHandler) handled() (n int, largest int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		n, largest = n+len(g), max(largest, len(g))
	}
	return n, largest
}

// newTestServer serves until the test ends. Then nothing of its memory may be taken any more.
func newTestServer(t *testing.T) (s *Server, h *testHandler, c *originaltest.Client) {
	t.Helper()
	h = &testHandler{gate: make(chan struct{})}
	s = New(Config{Handler: h, Drain: time.Minute})
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	h.stop, h.address = stop, listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		wait, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := s.free.Acquire(wait, maxMessages); err != nil {
			t.Errorf("memory of messages is taken after all calls ended: %v", err)
		}
	})
	return s, h, originaltest.NewClient(t, listener.Addr().String(), insecure.NewCredentials())
}

// TestNoAnswerBeforeItsRequestIsHandled: answers come in order, each after the handler has returned
// for its request, and what is handled together is bounded.
func TestNoAnswerBeforeItsRequestIsHandled(t *testing.T) {
	_, h, c := newTestServer(t)
	stream, err := c.Open(t.Context(), "DeletePiiRecords")
	if err != nil {
		t.Fatal(err)
	}
	const n = 10 * MaxGroup
	for i := range n {
		if err := stream.Send(originaltest.Delete(fmt.Sprint("k", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.HalfClose(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for i := range n {
			if a, err := stream.Receive(); err != nil || a.Message != fmt.Sprint("k", i) {
				t.Errorf("answer %d: %+v, %v", i, a, err)
				return
			}
			if done, _ := h.handled(); done <= i {
				t.Errorf("answer %d is there, and %d requests were handed over", i, done)
			}
		}
	}()
	for done, _ := h.handled(); done == 0; done, _ = h.handled() {
	}
	select {
	case <-answered:
		t.Error("there are answers while the handler has not returned")
	default:
	}
	close(h.gate)
	<-answered
	if done, largest := h.handled(); done != n || largest > MaxGroup {
		t.Errorf("%d requests handled, up to %d together", done, largest)
	}
}

// TestMemoryIsGivenBack: calls that are cancelled at any moment take no memory with them.
func TestMemoryIsGivenBack(t *testing.T) {
	_, h, c := newTestServer(t)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := c.Open(ctx, "CreatePiiRecords")
		if err != nil {
			t.Fatal(err)
		}
		for range 3 * MaxGroup {
			if err := stream.Send(originaltest.Create("k", "v")); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
	}
	close(h.gate)
}

// TestBusy: a message for which no memory becomes free ends its call, and says why.
func TestBusy(t *testing.T) {
	s, h, c := newTestServer(t)
	close(h.gate)
	s.busyWait = time.Millisecond
	if err := s.free.Acquire(t.Context(), maxMessages); err != nil {
		t.Fatal(err)
	}
	defer s.free.Release(maxMessages)
	for _, method := range []string{"DeletePiiRecord", "DeletePiiRecords"} {
		answers, err := c.Exchange(t.Context(), method, [][]byte{originaltest.Delete("k")})
		if len(answers) > 0 || status.Code(err) != codes.Unavailable || status.Convert(err).Message() != status.Convert(ErrBusy).Message() {
			t.Errorf("%s: %v, %v", method, answers, err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, err := range h.refused {
		if !errors.Is(err, ErrBusy) {
			t.Errorf("refused: %v", err)
		}
	}
	if len(h.refused) != 2 {
		t.Errorf("%d refused", len(h.refused))
	}
}

// TestStopAnswersWhatWasReceived: when the server stops, a stream gets the answers to what was received,
// and then UNAVAILABLE.
func TestStopAnswersWhatWasReceived(t *testing.T) {
	_, h, c := newTestServer(t)
	stream, err := c.Open(t.Context(), "ReadPiiRecords")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(originaltest.Read("k", 0)); err != nil {
		t.Fatal(err)
	}
	for done, _ := h.handled(); done == 0; done, _ = h.handled() {
	}
	h.stop()
	close(h.gate)
	if a, err := stream.Receive(); err != nil || a.Message != "k" || a.Key != "127.0.0.1" {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := stream.Receive(); status.Convert(err).Message() != status.Convert(ErrStopping).Message() {
		t.Errorf("the stream ended with %+v, %v", a, err)
	}
}
