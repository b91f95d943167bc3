package originaltest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
)

// Client is a client of the original's protocol. It is safe for concurrent use.
type Client struct {
	conn *grpc.ClientConn

	mu  sync.Mutex
	raw bytes.Buffer
}

// NewClient returns a client that connects when it is first used, and closes at the test's end.
func NewClient(t *testing.T, address string, by credentials.TransportCredentials) *Client {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(by),
		grpc.WithStaticStreamWindowSize(64<<10), // what it takes unread does not grow
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(rawCodec{}), grpc.WaitForReady(true), grpc.MaxCallSendMsgSize(16<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &Client{conn: conn}
}

// Raw returns every byte of every answer.
func (c *Client) Raw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

func (c *Client) keep(raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
}

// Call calls a method that is not a stream.
func (c *Client) Call(ctx context.Context, method string, message []byte) (Answer, error) {
	var raw []byte
	if err := c.conn.Invoke(ctx, "/"+service+"/"+method, message, &raw); err != nil {
		return Answer{}, err
	}
	c.keep(raw)
	return parse(method, raw)
}

// Stream is a call of a method that is a stream. Send and Receive may run at once.
type Stream struct {
	client *Client
	method string
	stream grpc.ClientStream
}

// Open opens a stream, which ends with ctx.
func (c *Client) Open(ctx context.Context, method string) (*Stream, error) {
	s, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+service+"/"+method)
	return &Stream{c, method, s}, err
}

// Send sends one message.
func (s *Stream) Send(message []byte) error { return s.stream.SendMsg(message) }

// HalfClose says that no more messages follow.
func (s *Stream) HalfClose() error { return s.stream.CloseSend() }

// Receive returns the next answer, or io.EOF after the last.
func (s *Stream) Receive() (Answer, error) {
	var raw []byte
	if err := s.stream.RecvMsg(&raw); err != nil {
		return Answer{}, err
	}
	s.client.keep(raw)
	return parse(s.method, raw)
}

// Exchange sends messages in a stream, half-closes it, and returns all answers until its end.
func (c *Client) Exchange(ctx context.Context, method string, messages [][]byte) ([]Answer, error) {
	s, err := c.Open(ctx, method)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() {
		for _, m := range messages {
			if err := s.Send(m); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.HalfClose()
	}()
	var answers []Answer
	for {
		a, err := s.Receive()
		if errors.Is(err, io.EOF) {
			return answers, <-sent
		}
		if err != nil {
			return answers, err
		}
		answers = append(answers, a)
	}
}

// rawCodec hands encoded messages on.
type rawCodec struct{}

var errCodec = errors.New("originaltest: not an encoded message")

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.([]byte)
	if !ok {
		return nil, errCodec
	}
	return mem.BufferSlice{mem.SliceBuffer(message)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return errCodec
	}
	*message = data.Materialize()
	return nil
}
