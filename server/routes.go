package server

import (
	"net/http"
	"strings"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Handler serves the API under /twirp and the logs as tiles under /log, and without
// authentication /healthz, /readyz and /metrics. It includes limits, authentication, logging
// and the handling of panics.
func (s *Server) Handler() http.Handler {
	known := func(next http.Handler) http.Handler { return s.authenticate(s.limitRequests(next)) }
	return s.observe(s.refuseGRPC(routes{
		api:  known(s.checkRequest(s.api())),
		logs: known(http.HandlerFunc(s.serveLog)),
		pages: map[string]http.Handler{
			"/healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") }),
			"/readyz":  http.HandlerFunc(s.ready),
			"/metrics": s.metrics.handler(),
		},
	}))
}

// api returns Twirp's generated code. checkRequest has found the method, so the path is a known one.
func (s *Server) api() http.Handler {
	hooks := twirp.WithServerHooks(&twirp.ServerHooks{Error: recordError})
	records, ledger := piinguinv1.NewPiinguinServer(methods{s}, hooks), piinguinv1.NewAuditServer(methods{s}, hooks)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, piinguinv1.AuditPathPrefix) {
			ledger.ServeHTTP(w, r)
			return
		}
		records.ServeHTTP(w, r)
	})
}

// routes finds what serves a path. It takes each path as it stands: http.ServeMux would answer some
// by itself, with a redirection or a page, which no client of the API can read and no log line tells.
type routes struct {
	api, logs http.Handler
	pages     map[string]http.Handler
}

// ServeHTTP implements http.Handler.
func (t routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	page, isPage := t.pages[path]
	switch {
	case strings.HasPrefix(path, piinguinv1.TwirpPath):
		t.api.ServeHTTP(w, r)
	case strings.HasPrefix(path, piinguinv1.LogPath):
		t.logs.ServeHTTP(w, r)
	case isPage && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		closesUnread(w, r) // or net/http reads a body that nobody wants before it answers
		page.ServeHTTP(w, r)
	default:
		writeError(w, r, failBadRoute)
	}
}
