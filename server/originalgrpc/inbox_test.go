package originalgrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/piinguin/piinguin/internal/originaltest"
)

// TestNext: what waits is taken in order, up to MaxGroup together, whether the client has ended or the
// server stops.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		waiting        int
		ended, stopped bool
		want           string
	}{
		{1, false, false, "1 perhaps"},
		{3, false, false, "3 perhaps"},
		{MaxGroup, false, false, "32 perhaps"},
		{3, true, false, "3 ended"},
		{0, true, false, "0 ended"},
		{0, false, true, "0 stopped"},
	} {
		s, in := New(Config{}), &inbox{requests: make(chan received, MaxGroup)}
		for i := range c.waiting {
			in.requests <- received{Request: Request{ModifiedValue: fmt.Sprint(i)}}
		}
		if c.ended {
			close(in.requests)
		}
		if c.stopped {
			close(s.stopping)
		}
		group, m := s.next(in)
		names := map[more]string{perhaps: "perhaps", ended: "ended", stopped: "stopped"}
		if diff := cmp.Diff(c.want, fmt.Sprint(len(group), " ", names[m])); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c, diff)
		}
		for i, r := range group {
			if r.ModifiedValue != fmt.Sprint(i) {
				t.Errorf("request %d is %s", i, r.ModifiedValue)
			}
		}
	}
}

// TestNextWhileStopping: a server that stops takes what waits, and only then nothing more.
func TestNextWhileStopping(t *testing.T) {
	s, in := New(Config{}), &inbox{requests: make(chan received, MaxGroup)}
	close(s.stopping)
	for range MaxGroup {
		in.requests <- received{}
	}
	taken := 0
	for {
		group, m := s.next(in)
		taken += len(group)
		if m == stopped {
			break
		}
	}
	if taken != MaxGroup {
		t.Errorf("%d taken", taken)
	}
}

// brokenStream has messages, and no way for answers. It ends with its context.
type brokenStream struct {
	grpc.ServerStream
	ctx      context.Context
	messages int
}

func (s *brokenStream) Context() context.Context { return s.ctx }
func (s *brokenStream) SendMsg(any) error        { return io.ErrClosedPipe }
func (s *brokenStream) RecvMsg(m any) error {
	if s.messages == 0 {
		<-s.ctx.Done()
		return s.ctx.Err()
	}
	s.messages--
	return codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(originaltest.Delete("k"))}, m)
}

// TestBrokenStream: a call whose answers cannot be sent ends, and gives the memory of what was not handled back.
func TestBrokenStream(t *testing.T) {
	h := &testHandler{gate: make(chan struct{})}
	close(h.gate)
	s := New(Config{Handler: h})
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.answer(methods[5], netip.Addr{}, &brokenStream{ctx: ctx, messages: 10 * MaxGroup}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the call ended with %v", err)
	}
	cancel() // as package grpc does then
	if err := s.free.Acquire(t.Context(), maxMessages); err != nil {
		t.Error(err)
	}
}

// TestClientWaits: while a handler is busy, no more is received of a stream than may wait behind what is handled.
func TestClientWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &testHandler{gate: make(chan struct{})}
		s := New(Config{Handler: h})
		ctx, cancel := context.WithCancel(t.Context())
		stream := &brokenStream{ctx: ctx, messages: 10 * MaxGroup}
		go func() { _ = s.answer(methods[5], netip.Addr{}, stream) }()
		synctest.Wait()
		if taken := 10*MaxGroup - stream.messages; taken > 2*MaxGroup+1 {
			t.Errorf("%d messages are taken, and none is answered", taken)
		}
		close(h.gate)
		cancel()
	})
}
