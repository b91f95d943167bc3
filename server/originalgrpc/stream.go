package originalgrpc

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// MaxGroup is how many requests of a stream are handled together, and how many more may wait.
	MaxGroup = 32
	// maxMessages bounds the messages of all calls that wait or are handled, in bytes. Decoding
	// and answering cost some times as much.
	maxMessages = 64 << 20
	// busyWait is how long a message waits for its part of maxMessages.
	busyWait = 20 * time.Second
	// messageTime is how long a message may take to arrive. Package grpc does not tell whether a part
	// of it has come, so a stream whose client is silent takes time too: maxPatience of them may wait on.
	messageTime = 10 * time.Second
	maxPatience = 128
)

// received is a request, and the part of maxMessages that it takes until it is answered.
type received struct {
	Request
	size int64
}

// inbox holds the requests of one call that are received and not yet taken. When it is full, the
// client waits, by HTTP/2's flow control.
type inbox struct {
	requests chan received
	late     chan struct{} // closed when a message did not arrive in time
	end      error         // why there are no more; set before requests is closed. nil is the client's half-close
}

// receive fills an inbox until the client has sent everything, or something fails, or the call
// has ended.
func (s *Server) receive(m Method, stream grpc.ServerStream, in *inbox) {
	defer close(in.requests)
	for {
		message, err := s.receiveOne(m, stream, in)
		if err != nil {
			in.end = endOf(err)
			return
		}
		request, err := m.Kind.decode(message)
		if err != nil {
			in.end = ErrMalformed
			return
		}
		next := received{request, int64(len(message))}
		if in.end = s.reserve(stream.Context(), next.size); in.end != nil {
			return
		}
		select {
		case in.requests <- next:
		case <-stream.Context().Done():
			s.free.Release(next.size)
			in.end = stream.Context().Err()
			return
		}
		if !m.Stream {
			return
		}
	}
}

// receiveOne receives a message. It closes in.late if none arrives in time.
func (s *Server) receiveOne(m Method, stream grpc.ServerStream, in *inbox) (message []byte, err error) {
	patient, decided := false, make(chan struct{})
	late := time.AfterFunc(s.messageTime, func() {
		defer close(decided)
		if patient = m.Stream && s.patience.TryAcquire(1); !patient {
			close(in.late)
		}
	})
	err = stream.RecvMsg(&message)
	if late.Stop() {
		return message, err
	}
	<-decided
	if !patient {
		return nil, ErrSlowMessage
	}
	s.patience.Release(1)
	return message, err
}

// endOf says why RecvMsg has no more messages.
func endOf(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case status.Code(err) == codes.ResourceExhausted:
		return ErrTooLarge
	}
	return err // the call was cancelled, or the connection was lost
}

func (s *Server) reserve(ctx context.Context, size int64) error {
	waiting, cancel := context.WithTimeout(ctx, s.busyWait)
	defer cancel()
	switch err := s.free.Acquire(waiting, size); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return ErrBusy
}

// discard frees the memory of requests that nobody will handle, until receiving has ended.
func (in *inbox) discard(free *semaphore.Weighted) {
	for r := range in.requests {
		free.Release(r.size)
	}
}

// answer handles the requests of one call in order, as many together as wait, and sends an answer
// for each before it takes more. At the client's half-close all that was sent is answered first.
func (s *Server) answer(m Method, from netip.Addr, stream grpc.ServerStream) error {
	in := &inbox{requests: make(chan received, MaxGroup), late: make(chan struct{})}
	go s.receive(m, stream, in)              // it ends with the call at the latest
	defer func() { go in.discard(s.free) }() // and so does this
	for {
		group, more := s.next(in)
		err := s.handle(m, from, stream, group)
		switch {
		case errors.Is(err, ErrSlowAnswer):
			return err
		case stream.Context().Err() != nil:
			in.discard(s.free)
			return cmp.Or(in.end, stream.Context().Err())
		case err != nil:
			return err
		case more == stopped:
			return ErrStopping
		case more == late:
			return ErrSlowMessage
		case more == ended:
			return in.end
		}
	}
}

// more says whether a call has more requests.
type more int

const (
	perhaps more = iota
	ended        // no: receiving has ended
	late         // none came in time
	stopped      // none that will be handled: the server stops
)

// next waits for a request and takes those that wait behind it. When the server stops, or
// a message did not arrive in time, it takes what waits and then nothing more.
func (s *Server) next(in *inbox) (group []received, m more) {
	select {
	case first, open := <-in.requests:
		if !open {
			return nil, ended
		}
		group = append(group, first)
	case <-in.late:
		m = late
	case <-s.stopping:
		m = stopped
	}
	for len(group) < MaxGroup {
		select {
		case r, open := <-in.requests:
			if !open {
				return group, ended
			}
			group = append(group, r)
		default:
			return group, m
		}
	}
	return group, perhaps
}

// handle handles a group and sends the answers.
func (s *Server) handle(m Method, from netip.Addr, stream grpc.ServerStream, group []received) error {
	requests := make([]Request, len(group))
	for i, r := range group {
		requests[i] = r.Request
		defer s.free.Release(r.size)
	}
	if len(group) == 0 || stream.Context().Err() != nil {
		return nil
	}
	if !s.trusted(stream.Context()) {
		return ErrDistrusted
	}
	answers, done := s.handler.Handle(stream.Context(), m, from, requests)
	defer done()
	return s.send(m.Kind, stream, answers)
}
