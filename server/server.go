// Package server is Piinguin's Twirp services.
//
// Every read goes one way: validate, authorise, fetch, append, release. The value
// is released only when the ledger has returned a receipt for it; what fails on
// the way, fails closed. Creates and deletes append first and act then, so that
// nothing changes without an entry.
//
// No original value is logged, counted, put into an error or into the ledger:
// errors have fixed texts, and a log line has the fields of access and no others.
package server

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

const (
	// MaxBody is the limit of a request's body in bytes.
	MaxBody = 4 << 20
	// requestTimeout bounds the work of one request. The append to the ledger has
	// its own, shorter deadline.
	requestTimeout = 20 * time.Second
	// futureLimit is how far observed_at may be ahead of the server's clock. A time
	// far ahead would keep every later value of the pseudonym out.
	futureLimit = time.Hour
)

// Policy decides what callers may do: a *policy.Policy, or one that changes.
type Policy interface {
	Decide(r policy.Request) policy.Decision
	// OfRecords reports whether a decision can depend on the record that is read.
	OfRecords() bool
}

// Config says what a Server works with. Ledger, Store, Callers and Policy are required.
type Config struct {
	Ledger  *audit.Ledger
	Store   store.Store
	Callers identity.Authenticator
	Policy  Policy
	// RequirePurpose and RequireReference refuse reads that state none.
	RequirePurpose   bool
	RequireReference bool
	// Limits of each caller; the zero Limits is none.
	Limits Limits
	Log    zerolog.Logger   // access log; the zero Logger is silent
	Now    func() time.Time // the clock; nil means time.Now
	// Metrics are further ones for /metrics, of what runs beside the server.
	Metrics []prometheus.Collector
}

// Server implements the services Piinguin and Audit.
type Server struct {
	ledger  *audit.Ledger
	store   store.Store
	callers identity.Authenticator
	policy  Policy
	limits  *limiter
	log     zerolog.Logger
	now     func() time.Time
	metrics *metrics

	requirePurpose, requireReference bool
}

var (
	_ piinguinv1.Piinguin = (*Server)(nil)
	_ piinguinv1.Audit    = (*Server)(nil)
)

// New returns a Server. It refuses a nil ledger: a Piinguin that does not audit
// cannot be built.
func New(c Config) (*Server, error) {
	switch {
	case c.Ledger == nil:
		return nil, errors.New("server: Config.Ledger is required")
	case c.Store == nil:
		return nil, errors.New("server: Config.Store is required")
	case c.Callers == nil:
		return nil, errors.New("server: Config.Callers is required")
	case c.Policy == nil:
		return nil, errors.New("server: Config.Policy is required")
	case c.Limits.RequestsPerSecond < 0 || c.Limits.RecordsPerMinute < 0:
		return nil, errors.New("server: Config.Limits must not be negative")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	m, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, err
	}
	return &Server{
		ledger: c.Ledger, store: c.Store, callers: c.Callers, policy: c.Policy, limits: newLimiter(c.Limits),
		log: c.Log, now: c.Now, metrics: m, requirePurpose: c.RequirePurpose, requireReference: c.RequireReference,
	}, nil
}

// Handler serves the API under /twirp, the logs as tiles under /log, and /healthz, /readyz and /metrics without
// authentication. It is complete: limits, authentication, logging and panics are
// taken care of.
func (s *Server) Handler() http.Handler {
	hooks := twirp.WithServerHooks(&twirp.ServerHooks{
		RequestRouted: recordMethod,
		Error:         recordError,
	})
	api := http.NewServeMux()
	api.Handle(piinguinv1.PiinguinPathPrefix, piinguinv1.NewPiinguinServer(s, hooks))
	api.Handle(piinguinv1.AuditPathPrefix, piinguinv1.NewAuditServer(s, hooks))
	api.HandleFunc("/twirp/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, r, failBadRoute)
	})
	mux := http.NewServeMux()
	mux.Handle("/twirp/", s.limitBody(s.authenticate(s.limitRequests(api))))
	mux.Handle("/log/", s.limitBody(s.authenticate(s.limitRequests(http.HandlerFunc(s.serveLog)))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler())
	return s.observe(mux)
}

// ready answers 200 when a read can be expected to succeed, else 503.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.ledger.Ready(r.Context()); err != nil {
		answer(w, http.StatusServiceUnavailable, "audit_unavailable\n")
		return
	}
	if err := s.store.Ready(r.Context()); err != nil {
		answer(w, http.StatusServiceUnavailable, "store_unavailable\n")
		return
	}
	answer(w, http.StatusOK, "ok\n")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
