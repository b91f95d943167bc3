// Package server serves Piinguin over HTTP: the Twirp services Piinguin and Audit, the logs as
// tiles, and the pages for probes and metrics.
//
//	s, err := server.New(server.Config{Ledger: ledger, Store: records, Callers: callers, Policy: policies})
//	http.Serve(listener, s.Handler())
//
// It does what is HTTP's and the wire's: routes, limits on requests, the checks of fields, the
// mapping to package vault and back, and the one table from errors to what a caller sees. Who
// calls, package identity proves; whether a value may leave, package vault decides and records.
// Server.Original does the same for clients of the original Piinguin, whose protocol package
// originalgrpc speaks.
//
// It promises: nothing reaches the vault from an unknown caller; every error has a fixed text
// and a stable reason; a log line has the fields of access and no others, a metric only labels
// of closed sets; a panic is an internal error whose value is nowhere.
//
// It does not end TLS and holds no timeouts of connections: whoever listens does. Set
// http.Server.ReadTimeout, or a caller that sends its body slowly keeps memory as long as it likes.
// Set WriteTimeout too: a write's own deadline, which follows the length of the answer, stays set on
// the connection until WriteTimeout begins anew with the next request.
package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

// requestTimeout bounds the work of one request. The append to the ledger has its own,
// shorter deadline.
const requestTimeout = 20 * time.Second

// Config says what a Server works with. Ledger, Store, Callers and Policy are required.
type Config struct {
	Ledger  *audit.Ledger
	Store   store.Store
	Callers identity.Authenticator
	Policy  policy.Source
	// RequirePurpose and RequireReference refuse reads that state none.
	RequirePurpose   bool
	RequireReference bool
	// Ready, if not nil, says whether the ledger extends what was kept of it elsewhere. With an error
	// /readyz answers ledger_not_whole. It waits for nobody.
	Ready func(context.Context) error
	// Limits of each caller; the zero Limits is none.
	Limits Limits
	Log    zerolog.Logger   // access log; the zero Logger is silent
	Now    func() time.Time // the clock; nil means time.Now
	// Metrics are served under /metrics beside the server's own.
	Metrics []prometheus.Collector
}

// Server is the HTTP side of a vault. It is safe for concurrent use.
type Server struct {
	vault   *vault.Vault
	ledger  *audit.Ledger // to be read within vault.Review
	callers identity.Authenticator
	limits  *limiter
	bodies  *pool // of memory for the bodies of requests
	answers *pool // and for the values in answers
	log     zerolog.Logger
	now     func() time.Time
	metrics *metrics

	readiness                        readiness
	requirePurpose, requireReference bool
}

// New returns a Server. It refuses a nil ledger: a Piinguin that does not audit cannot be
// built.
func New(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{
		ledger: c.Ledger, callers: c.Callers, limits: newLimiter(c.Limits), bodies: newPool(maxBodies, maxCallerBodies),
		answers: newPool(maxAnswers, maxCallerAnswers), log: c.Log, now: c.Now,
		requirePurpose: c.RequirePurpose, requireReference: c.RequireReference,
	}
	var err error
	s.vault, err = vault.New(vault.Config{
		Ledger: c.Ledger, Store: c.Store, Policy: c.Policy, Now: c.Now, Appended: s.noteAppend, Failed: s.noteFailure,
	})
	switch {
	case err != nil:
		return nil, err
	case c.Callers == nil:
		return nil, errors.New("server: Config.Callers is required")
	case !c.Limits.valid():
		return nil, fmt.Errorf("server: Config.Limits must not be negative, and RequestsPerSecond at most %d", MaxRequestsPerSecond)
	}
	s.readiness.look = func(ctx context.Context) error {
		if c.Ready != nil { // first: it may be why the ledger takes nothing more
			if err := c.Ready(ctx); err != nil {
				return fmt.Errorf("%w: %w", vault.ErrLedgerNotWhole, err)
			}
		}
		return s.vault.Ready(ctx)
	}
	if s.metrics, err = newMetrics(c.Ledger.DeriveLag, c.Metrics); err != nil {
		return nil, err
	}
	return s, nil
}

// methods has the methods of the services Piinguin and Audit. Only Handler makes one, so no
// method can be called past authentication and limits.
type methods struct{ *Server }

var (
	_ piinguinv1.Piinguin = methods{}
	_ piinguinv1.Audit    = methods{}
)

// call says who asks the vault, in the request of ctx.
func (s *Server) call(ctx context.Context, action policy.Action) vault.Call {
	a := accessOf(ctx)
	return vault.Call{Caller: a.caller, Action: action, RequestID: a.requestID, Network: a.network, Time: s.now()}
}

// noteAppend counts an append that failed, and notes the receipt of one that did not for the
// request's log line. Of the failures of one request the first is logged: a batch has one each item.
func (s *Server) noteAppend(ctx context.Context, r audit.Result) {
	a := accessOf(ctx)
	if r.Err != nil {
		s.metrics.auditFailed.Inc()
		s.noteFailure(ctx, r.Err)
		if a.appendFailed {
			return
		}
		a.appendFailed = true
		s.log.Error().Str("request_id", a.requestID).Str("engine_code", a.engineCode).
			Bool("unavailable", errors.Is(r.Err, audit.ErrUnavailable)).Msg("audit append failed")
		return
	}
	a.log, a.index = r.Durable.Receipt().Log.String(), r.Durable.Receipt().Index
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
