package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// access is what is known about a request. Its log line may hold all of it but body and answer, and nothing else.
type access struct {
	requestID string
	method    string         // of the API; empty if the route names none
	code      string         // Twirp's; empty is success
	reason    string         // meta.reason of a failure
	cause     identity.Cause // why the caller is nobody; it is told to the log alone
	caller    policy.Caller
	principal string     // the caller's; not logged
	network   netip.Addr // of the caller; the zero Addr if it is not known
	log       string     // of the latest receipt
	index     int64
	items     int // of a batch
	// engineCode is why an engine failed, in the form of AccessDeniedException.
	engineCode   string
	appendFailed bool // and a log line says so

	body   *incoming // not logged
	answer *outgoing // not logged
}

type accessKey struct{}

// identified notes who calls.
func (a *access) identified(c policy.Caller) { a.caller, a.principal = c, c.Principal() }

// accessOf returns the access of a request. Handler gives every request one. Without it the
// caller is nobody and there is no request id, and so the ledger takes no entry.
func accessOf(ctx context.Context) *access {
	if a, ok := ctx.Value(accessKey{}).(*access); ok {
		return a
	}
	return &access{answer: &outgoing{}}
}

// exchange is what the server keeps of one request of HTTP.
type exchange struct {
	access   access
	incoming incoming
	outgoing outgoing
}

// observe gives every request an id and a deadline, and logs and counts it. It turns a panic
// into a plain internal error, because net/http would log the panic's value.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		e := &exchange{incoming: incoming{r.Body, r.ContentLength == 0}, outgoing: outgoing{ResponseWriter: w}}
		a := &e.access
		*a = access{requestID: newRequestID(), network: addressOf(r), body: &e.incoming, answer: &e.outgoing}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), accessKey{}, a), requestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = a.body
		w = a.answer
		w.Header().Set(piinguinv1.RequestIDHeader, a.requestID)
		defer func() {
			if p := recover(); p != nil {
				s.log.Error().Str("request_id", a.requestID).Str("method", a.method).Msg("panic")
				if a.code == "" {
					writeError(w, r, failInternal)
				}
			}
			if a.code != "" || strings.HasPrefix(r.URL.Path, piinguinv1.TwirpPath) || strings.HasPrefix(r.URL.Path, piinguinv1.LogPath) {
				s.finish(a, s.now().Sub(start))
			}
			a.body.linger(w)
			a.answer.close()
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) finish(a *access, took time.Duration) {
	code := a.code
	if code == "" {
		code = "ok"
	}
	method := a.method
	if method == "" {
		method = "none"
	}
	s.metrics.count(method, code, took)
	line := s.log.Info().Str("method", method).Str("code", code).Dur("duration_ms", took).
		Str("request_id", a.requestID)
	if a.reason != "" {
		s.metrics.refused.WithLabelValues(a.reason).Inc()
		line = line.Str("reason", a.reason)
	}
	if a.cause != "" {
		line = line.Str("cause", string(a.cause))
	}
	if a.engineCode != "" {
		line = line.Str("engine_code", a.engineCode)
	}
	if a.caller.Name != "" {
		line = line.Str("caller", a.caller.Name)
	}
	if a.network.IsValid() && (a.caller.Name == "" || a.caller.Authentication == policy.Original) {
		line = line.Stringer("address", a.network) // nothing else says who it was
	}
	if a.log != "" {
		line = line.Str("log", a.log).Int64("index", a.index)
	}
	if a.items > 0 {
		line = line.Int("items", a.items)
	}
	line.Msg("request")
}

// addressOf returns the caller's address, or that of the proxy before the server.
func addressOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// newRequestID makes a random id. An id that the caller sent could hold anything.
func newRequestID() string {
	var b [16]byte
	var text [2 * len(b)]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	hex.Encode(text[:], b[:])
	return string(text[:])
}

// authenticate lets only known callers through. The others get a log line and a metric and no
// entry, so that nobody unknown can make the ledger grow.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.callers.Authenticate(r)
		accessOf(r.Context()).cause = identity.CauseOf(err)
		if tooMany := (*identity.TooManyError)(nil); errors.As(err, &tooMany) {
			writeError(w, r, failGuesses(tooMany.RetryAfter))
			return
		}
		if errors.Is(err, identity.ErrUnavailable) {
			writeError(w, r, failIdentity)
			return
		}
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750 section 3
			writeError(w, r, failUnauthenticated)
			return
		}
		accessOf(r.Context()).identified(caller)
		next.ServeHTTP(w, r)
	})
}

// itemsFailed is the code of a batch that was answered without one result: it is no success.
const itemsFailed = "items_failed"

// noteItems notes for the log and the metrics whether a batch had any result, and if not the reason
// that most of its items have.
func noteItems[R interface{ GetError() *piinguinv1.Error }](ctx context.Context, results []R) {
	if slices.ContainsFunc(results, func(r R) bool { return r.GetError() == nil }) {
		return
	}
	a, items := accessOf(ctx), map[string]int{}
	a.code = itemsFailed
	for _, r := range results {
		items[r.GetError().GetReason()]++
	}
	for _, r := range results { // of two that are as frequent, the first
		if reason := r.GetError().GetReason(); items[reason] > items[a.reason] {
			a.reason = reason
		}
	}
}

// recordError is a Twirp hook.
func recordError(ctx context.Context, e twirp.Error) context.Context {
	a := accessOf(ctx)
	if a.answer.failure != nil { // Twirp knows no code for it
		e = a.answer.failure.wire()
	}
	a.code, a.reason = string(e.Code()), e.Meta(piinguinv1.MetaReason)
	return ctx
}
