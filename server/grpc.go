package server

import (
	"net/http"
	"strings"
)

// Status 12 of gRPC is UNIMPLEMENTED. The text has no character that gRPC would encode.
const (
	grpcUnimplemented = "12"
	grpcText          = "this port does not speak gRPC: its API is Twirp, POST /twirp/piinguin.v1.Piinguin/<Method> in JSON or protobuf; clients of the original Piinguin need the port of serve --original-grpc"
)

// refuseGRPC answers gRPC clients in their own protocol. The original Piinguin spoke gRPC, and its
// client waits without a deadline for an answer that it understands. The answer is one frame of
// headers, before the body: a stream's body has no end until it is answered.
func (s *Server) refuseGRPC(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(contentType(r.Header), "application/grpc") {
			next.ServeHTTP(w, r)
			return
		}
		a := accessOf(r.Context())
		a.code = "unimplemented"
		s.log.Warn().Str("request_id", a.requestID).Msg("a gRPC client called; the API is Twirp, under /twirp/; --original-grpc serves clients of the original")
		closesUnread(w, r)
		a.body.ended = true // a stream may have no end, and gRPC clients take an answer before it
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", grpcUnimplemented)
		w.Header().Set("Grpc-Message", grpcText)
		w.WriteHeader(http.StatusOK)
	})
}
