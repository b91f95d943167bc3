package main

import (
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/grpclog"
)

// handshakeFailures are what ends a TLS handshake, by a part of the text of crypto/tls. The first that is
// found counts.
var handshakeFailures = []struct{ part, cause string }{
	{"client sent an HTTP request to an HTTPS server", "http to a TLS port"},
	{"first record does not look like a TLS handshake", "no TLS on a TLS port"},
	// What this server has against the client's certificate.
	{"client didn't provide a certificate", "no client certificate"},
	{"certificate signed by unknown authority", "the client's certificate is from an unknown authority"},
	{"certificate has expired or is not yet valid", "the client's certificate has expired or is not valid yet"},
	{"incompatible key usage", "the client's certificate is not for clients"},
	{"failed to verify certificate", "the client's certificate is not trusted"},
	// What the client has against this server's.
	{"unknown certificate authority", "the client does not trust the server's certificate"},
	{"expired certificate", "the client says that the server's certificate has expired"},
	{"bad certificate", "the client refuses the server's certificate"},
	{"unknown certificate", "the client refuses the server's certificate"},
	{"unsupported certificate", "the client refuses the server's certificate"},
	{"revoked certificate", "the client refuses the server's certificate"},
	// With TLS 1.3 OpenSSL says what it has against the certificate in a record that Go cannot read.
	{"bad record MAC", "the client broke off the TLS handshake, as OpenSSL does if it does not trust the server's certificate"},
	{"unsupported versions", "no TLS version in common"},
	{"protocol version not supported", "no TLS version in common"},
	{"no cipher suite supported", "no cipher suite in common"},
	{": EOF", "the client hung up during the TLS handshake"},
	{"connection reset by peer", "the client hung up during the TLS handshake"},
	{"i/o timeout", "the TLS handshake took too long"},
	{"", "TLS handshake"},
}

// connectionLog logs that net/http or package grpc reported a failure of a connection: its kind and
// the peer's address. The text itself may quote a request, and stays out.
type connectionLog struct{ log zerolog.Logger }

// Write implements io.Writer for one line of net/http or package grpc.
func (c connectionLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	line := c.log.Warn().Str("cause", causeOf(text))
	if peer := peerOf(text); peer.IsValid() {
		line = line.Stringer("address", peer)
	}
	line.Msg("a connection failed")
	return len(p), nil
}

func causeOf(text string) string {
	switch {
	case strings.Contains(text, "TLS handshake error"), strings.Contains(text, "ServerHandshake("):
		i := slices.IndexFunc(handshakeFailures, func(f struct{ part, cause string }) bool { return strings.Contains(text, f.part) })
		return handshakeFailures[i].cause // the last one is found in every text
	case strings.Contains(text, "Accept error"):
		return "accept"
	case strings.Contains(text, "bogus greeting"):
		return "no gRPC without TLS, which is all that this port takes"
	}
	return "other"
}

// peerOf returns the address in "TLS handshake error from 192.0.2.7:41234: EOF", or in package grpc's
// ServerHandshake(\"192.0.2.7:41234\"), or the zero Addr.
func peerOf(text string) netip.Addr {
	_, rest, _ := strings.Cut(text, "error from ")
	peer, _, _ := strings.Cut(rest, ": ")
	if _, rest, found := strings.Cut(text, `ServerHandshake(\"`); found {
		peer, _, _ = strings.Cut(rest, `\"`)
	}
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// logGRPC makes package grpc log what connectionLog takes of connections that fail, and nothing
// else: its other lines may quote what a client sent. It must be called before package grpc serves.
func logGRPC(log zerolog.Logger) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(grpcLog{connectionLog{log}}, io.Discard, io.Discard))
}

type grpcLog struct{ connections connectionLog }

// Write implements io.Writer for one line of package grpc of any severity.
func (g grpcLog) Write(p []byte) (int, error) {
	if !strings.Contains(string(p), "failed to create ServerTransport") {
		return len(p), nil
	}
	return g.connections.Write(p)
}
