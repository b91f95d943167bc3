// Package originalgrpc speaks the protocol of the original Piinguin: gRPC over HTTP/2, for clients
// and relays that were written for it.
//
//	s := originalgrpc.New(originalgrpc.Config{Handler: server.Original(caller), TLS: conf})
//	err := s.Serve(ctx, listener)
//
// It promises:
//   - Each request that a client sent before its half-close has one answer, in order, unless the
//     call fails as a whole.
//   - A request is answered only after the Handler has returned for it.
//   - What is received and not yet answered takes at most 64 MiB in all. A client that is too fast,
//     waits. One that does not take the answers to a group in 10 s, and a second for each MiB, loses
//     the connection.
//   - A message has 10 s to arrive, but 128 streams may wait longer for their clients. With 512 calls and
//     128 connections at most, what is received in part is bounded too.
//   - Errors have fixed texts. Nothing is logged here.
//
// It does not authenticate anybody, because the protocol has no credentials. Whoever listens
// decides who can reach it, and for whom the Handler takes its clients.
package originalgrpc

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	// maxMessage bounds one message, in bytes. The original stores values of up to 400 KB: a record
	// with such a value is refused by itself, while a longer message ends its call.
	maxMessage = 512 << 10
	// maxStreams bounds the calls of one connection. A client's further calls wait there.
	maxStreams = 64
	// maxConnections bounds the connections, so that this port leaves the process files for the API.
	// Further clients wait. maxCalls bounds the calls of all connections: package grpc may hold a
	// message in part for each.
	maxConnections, maxCalls = 128, 512
	// Windows bound what a connection sends before it is read, in bytes.
	streamWindow, connectionWindow = 64 << 10, 1 << 20
	maxHeader                      = 16 << 10 // bytes

	handshake = 5 * time.Second
	// keepAlive is how long a connection may be silent until it is asked for a sign of life. It is
	// long, because a Lambda function is frozen between two invocations and cannot answer.
	keepAlive = 15 * time.Minute
	// idle is how long a connection may have no call. It is as long as on the HTTP port.
	idle = 2 * time.Minute
)

// Config says what a Server works with.
type Config struct {
	Handler Handler     // required
	TLS     *tls.Config // nil is plaintext, the only thing that the original's own client speaks
	// Trusts reports whether a client's certificate is still vouched for. It is asked before each group
	// of requests, because a connection outlives its handshake. nil is yes.
	Trusts func(*tls.ConnectionState) bool
	// Drain bounds how long calls may take to end after ctx of Serve is done.
	Drain time.Duration
}

// Server is a gRPC server of the original's protocol.
type Server struct {
	handler     Handler
	trusts      func(*tls.ConnectionState) bool
	free        *semaphore.Weighted // of maxMessages
	calls       *semaphore.Weighted // of maxCalls
	patience    *semaphore.Weighted // of maxPatience
	messageTime time.Duration
	grpc        *grpc.Server
	drain       time.Duration
	busyWait    time.Duration
	answerTime  time.Duration
	stopping    chan struct{}
}

// New returns a Server that does not listen yet.
func New(c Config) *Server {
	s := &Server{
		handler: c.Handler, trusts: c.Trusts, free: semaphore.NewWeighted(maxMessages),
		calls: semaphore.NewWeighted(maxCalls), patience: semaphore.NewWeighted(maxPatience), messageTime: messageTime,
		drain: c.Drain, busyWait: busyWait, answerTime: answerTime, stopping: make(chan struct{}),
	}
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxHeader),
		grpc.StaticStreamWindowSize(streamWindow), grpc.StaticConnWindowSize(connectionWindow),
		grpc.ConnectionTimeout(handshake), grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepAlive, MaxConnectionIdle: idle}),
		grpc.UnknownServiceHandler(s.refuseUnknown), grpc.WaitForHandlers(true), grpc.Creds(newHandshaker(c.TLS)),
	}
	s.grpc = grpc.NewServer(options...)
	s.grpc.RegisterService(s.description(), nil)
	return s
}

// Listen returns a listener for Serve.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{KeepAlive: keepAlive}).Listen(ctx, "tcp", address)
}

// Serve serves until ctx is done. Then it answers what it has received, ends the streams with
// UNAVAILABLE, and returns when all calls have ended. Calls that have not ended after Config.Drain
// are cut off, and an error says so.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.grpc.Serve(netutil.LimitListener(listener, maxConnections)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	close(s.stopping)
	cut := time.AfterFunc(s.drain, s.grpc.Stop)
	s.grpc.GracefulStop()
	if !cut.Stop() {
		return errors.New("some calls did not finish in time")
	}
	return nil
}
