package originalgrpc

import (
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/piinguin/piinguin/internal/originaltest"
)

// TestSlowReader: a client that does not take its answers loses the connection, and they take memory
// until then. Package grpc alone would be done with two answers of 40 KiB at once, although a client
// takes no more than 64 KiB unread. Another client goes on.
func TestSlowReader(t *testing.T) {
	for _, answers := range []int{2, MaxGroup} {
		s, h, c := newTestServer(t)
		h.size, s.answerTime = 40<<10, 2*time.Second
		close(h.gate)
		stream, err := c.Open(t.Context(), "ReadPiiRecords")
		if err != nil {
			t.Fatal(err)
		}
		for range answers {
			if err := stream.Send(originaltest.Read("k", 0)); err != nil {
				t.Fatal(err)
			}
		}
		other := originaltest.NewClient(t, h.address, insecure.NewCredentials())
		for start, refused := time.Now(), false; !refused; {
			if time.Since(start) > 15*time.Second {
				t.Fatal("the client that takes no answers stays")
			}
			if a, err := other.Call(t.Context(), "DeletePiiRecord", originaltest.Delete("k")); err != nil || !a.Success {
				t.Fatalf("another client: %+v, %v", a, err)
			}
			h.mu.Lock()
			refused = slices.ContainsFunc(h.refused, func(err error) bool { return errors.Is(err, ErrSlowAnswer) })
			h.mu.Unlock()
		}
		for {
			if _, err := stream.Receive(); err != nil {
				break
			}
		}
	}
}

// TestGroupsAreDone: the memory of answers is given back when they are taken, be they long or short.
func TestGroupsAreDone(t *testing.T) {
	for _, size := range []int{0, 1, pooled, 40 << 10} {
		_, h, c := newTestServer(t)
		h.size = size
		close(h.gate)
		messages := slices.Repeat([][]byte{originaltest.Read("k", 0)}, 3*MaxGroup)
		if answers, err := c.Exchange(t.Context(), "ReadPiiRecords", messages); err != nil || len(answers) != len(messages) {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		h.stop()
		h.mu.Lock()
		if h.done != len(h.groups) {
			t.Errorf("%d groups, and %d are done", len(h.groups), h.done)
		}
		h.mu.Unlock()
	}
}
