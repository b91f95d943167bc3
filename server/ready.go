package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// readyFor is how long an answer of /readyz serves for further probes.
	readyFor = time.Second
	// readyTimeout bounds one look at the engines. A read has no more than this for its entry.
	readyTimeout = 2 * time.Second
)

// readiness looks whether a read can be expected to succeed. Anybody may ask, and as often as they
// like, and each look costs calls to the engines: so it looks once a second at most, and all who
// ask meanwhile share the answer.
type readiness struct {
	look   func(context.Context) error
	latest atomic.Pointer[looked]
	group  singleflight.Group
}

// looked is what a look found, and when.
type looked struct {
	err error
	at  time.Time
}

// ask returns nil if a read can be expected to succeed, after 2 seconds at the latest.
func (r *readiness) ask() error {
	if l := r.latest.Load(); l != nil && time.Since(l.at) < readyFor {
		return l.err
	}
	_, err, _ := r.group.Do("", func() (any, error) {
		// No probe's own context: another one may wait for the same look.
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
		defer cancel()
		err := r.look(ctx)
		r.latest.Store(&looked{err, time.Now()})
		return nil, err
	})
	return err
}

// ready answers 200 when a read can be expected to succeed, else 503.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.readiness.ask(); err != nil {
		answer(w, http.StatusServiceUnavailable, failureOf(err).reason+"\n")
		return
	}
	answer(w, http.StatusOK, "ok\n")
}
