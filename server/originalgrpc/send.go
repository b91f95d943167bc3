package originalgrpc

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

const (
	// answerTime and answerRate are how long a client may take for the answers to a group: this time,
	// and a second for each so many bytes. It is as long as on the HTTP port.
	answerTime = 10 * time.Second
	answerRate = 1 << 20
	// pooled is more than the size up to which package mem does not tell when a buffer is free.
	pooled = 2 << 10
)

// message is the last answer of a group. left is closed when it is on its way to the client, and
// so are those before it: the client's flow control has let them all out.
type message struct {
	bytes []byte
	left  chan struct{}
}

// buffer returns the answer for package grpc.
func (m message) buffer() mem.Buffer {
	roomy := append(make([]byte, 0, max(pooled, len(m.bytes))), m.bytes...)
	return mem.NewBuffer(&roomy, m)
}

// Get implements mem.BufferPool. Nobody asks: a message is its own pool.
func (message) Get(length int) *[]byte { b := make([]byte, length); return &b }

// Put implements mem.BufferPool. It is called when nothing holds the buffer any more.
func (m message) Put(*[]byte) { close(m.left) }

// send sends the answers to a group, and returns when they are on their way or the call has ended.
// Until then they take memory. A client that does not take them in time loses the connection: a
// status would wait behind the answers, and so would the memory.
func (s *Server) send(kind Kind, stream grpc.ServerStream, answers []Answer) error {
	messages, size := make([][]byte, len(answers)), 0
	for i, a := range answers {
		messages[i] = kind.encode(a)
		size += len(messages[i])
	}
	limit := s.answerTime + time.Duration(size)*time.Second/answerRate
	late := time.AfterFunc(limit, func() { hangUp(stream.Context()) })
	err := sendAll(stream, messages)
	if !late.Stop() {
		return ErrSlowAnswer
	}
	return err
}

// sendAll sends messages and returns when the last one is on its way.
func sendAll(stream grpc.ServerStream, messages [][]byte) error {
	last := message{messages[len(messages)-1], make(chan struct{})}
	for _, m := range messages[:len(messages)-1] {
		if err := stream.SendMsg(m); err != nil {
			return err //nolint:wrapcheck // package grpc's own
		}
	}
	if err := stream.SendMsg(last); err != nil {
		return err //nolint:wrapcheck // package grpc's own
	}
	select {
	case <-last.left:
		return nil
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
}
