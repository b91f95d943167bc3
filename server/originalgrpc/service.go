package originalgrpc

import (
	"context"
	"errors"
	"net/netip"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// serviceName is the original's, from its .proto's package.
const serviceName = "com.snowplowanalytics.piinguin.server.generated.protocols.Piinguin"

// Kind is what a method does.
type Kind int

// The kinds.
const (
	Create Kind = iota + 1
	Read
	Delete
)

// Method is one of the six methods.
type Method struct {
	Name   string
	Kind   Kind
	Stream bool // requests and answers are streams
}

var methods = []Method{
	{"CreatePiiRecord", Create, false}, {"ReadPiiRecord", Read, false}, {"DeletePiiRecord", Delete, false},
	{"CreatePiiRecords", Create, true}, {"ReadPiiRecords", Read, true}, {"DeletePiiRecords", Delete, true},
}

// Why a call or the rest of a stream is not handled, as the client is told; but of a message that is
// too large package grpc itself tells it, with the sizes.
var (
	ErrMalformed   = status.Error(codes.InvalidArgument, "the message is not a protobuf message of this method")
	ErrTooLarge    = status.Error(codes.ResourceExhausted, "a message must be at most 512 KiB, and its originalValue at most 32 KiB")
	ErrBusy        = status.Error(codes.Unavailable, "the messages of other calls take all memory that is meant for them; try again")
	ErrDistrusted  = status.Error(codes.Unauthenticated, "the client's certificate is not trusted any more")
	ErrSlowMessage = status.Error(codes.Unavailable, "no message arrived in time; call again")
	ErrSlowAnswer  = status.Error(codes.DeadlineExceeded, "the answers were not taken in time")
	ErrStopping    = status.Error(codes.Unavailable, "the server stops; call again")
	ErrNoMethod    = status.Error(codes.Unimplemented, "the original Piinguin has no such method")
)

// Handler does what clients ask. It is safe for concurrent use.
type Handler interface {
	// Handle does 1 to MaxGroup requests that came together, in order, and returns one answer for
	// each, in order. It does not panic. ctx ends with the client's call; from is the zero Addr if
	// the address is not known. done is called when the answers are on their way or the call has
	// ended: until then they take memory.
	Handle(ctx context.Context, m Method, from netip.Addr, requests []Request) (answers []Answer, done func())
	// Refused is told of each call, or rest of a stream, that is not handled: err is one of this
	// package's. The method has no Name if the client called one that does not exist.
	Refused(m Method, from netip.Addr, err error)
}

// description describes the service to package grpc. All methods are streams to it, also the six
// that are not on the wire: that way each message's memory is counted before it is handled.
func (s *Server) description() *grpc.ServiceDesc {
	d := &grpc.ServiceDesc{ServiceName: serviceName, HandlerType: (*any)(nil)}
	for _, m := range methods {
		d.Streams = append(d.Streams, grpc.StreamDesc{
			StreamName: m.Name, ServerStreams: m.Stream, ClientStreams: m.Stream,
			Handler: func(_ any, stream grpc.ServerStream) error { return s.serve(m, stream) },
		})
	}
	return d
}

// serve answers one call, and tells the handler if it, or the rest of it, was refused.
func (s *Server) serve(m Method, stream grpc.ServerStream) error {
	from := addressOf(stream.Context())
	err := ErrBusy
	if s.calls.TryAcquire(1) {
		defer s.calls.Release(1)
		err = s.answer(m, from, stream)
	}
	for _, refusal := range []error{ErrMalformed, ErrTooLarge, ErrBusy, ErrDistrusted, ErrSlowMessage, ErrSlowAnswer, ErrStopping} {
		if errors.Is(err, refusal) {
			s.handler.Refused(m, from, err)
		}
	}
	return err
}

// refuseUnknown answers a call of a service or method that the original does not have. Package
// grpc's own answer would quote its name.
func (s *Server) refuseUnknown(_ any, stream grpc.ServerStream) error {
	s.handler.Refused(Method{}, addressOf(stream.Context()), ErrNoMethod)
	return ErrNoMethod
}

// addressOf returns the client's address, or that of the proxy before the server.
func addressOf(ctx context.Context) netip.Addr {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(p.Addr.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}
