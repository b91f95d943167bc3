package originalgrpc

import (
	"context"
	"crypto/tls"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
)

// connection is what the calls of a connection know of it.
type connection struct {
	credentials.AuthInfo
	raw net.Conn // under TLS, so that Close never waits for the client
}

// handshaker does the handshake of new connections, and leaves a connection where its calls find it:
// package grpc has no other way for a call to end its connection.
type handshaker struct {
	credentials.TransportCredentials
}

// newHandshaker returns a handshaker for TLS, or for plaintext if conf is nil.
func newHandshaker(conf *tls.Config) handshaker {
	if conf == nil {
		return handshaker{insecure.NewCredentials()}
	}
	return handshaker{credentials.NewTLS(conf)}
}

// ServerHandshake implements credentials.TransportCredentials.
func (h handshaker) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := h.TransportCredentials.ServerHandshake(raw)
	return secured, connection{info, raw}, err //nolint:wrapcheck // the log takes its words from the text
}

// hangUp ends the connection of a call, and with it all its calls.
func hangUp(ctx context.Context) {
	p, known := peer.FromContext(ctx)
	if !known {
		return
	}
	if c, ours := p.AuthInfo.(connection); ours {
		_ = c.raw.Close()
	}
}

// trusted reports whether the client of a call may still use its connection.
func (s *Server) trusted(ctx context.Context) bool {
	if s.trusts == nil {
		return true
	}
	p, known := peer.FromContext(ctx)
	if !known {
		return false
	}
	c, ours := p.AuthInfo.(connection)
	if !ours {
		return false
	}
	by, secured := c.AuthInfo.(credentials.TLSInfo)
	return secured && s.trusts(&by.State)
}
