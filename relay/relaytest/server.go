// Package relaytest has a Piinguin server for tests of the relay. It is a real HTTP server that speaks
// the contract and keeps records in memory as the real one does.
//
//	s := relaytest.New(t)
//	s.OnCall(relaytest.First(2, relaytest.Cut)) // lose the answers of the first two calls
//
// OnCall lets whole calls fail as servers, proxies and networks do, OnRecord single records. The
// server fails the test when a request breaks the contract.
package relaytest

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/types/known/timestamppb"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Token is the only token that a Server accepts.
const Token = "relaytest-token"

// OnCall stands before the server: it may answer itself, or let next do it. n
// counts the calls from 1.
type OnCall func(n int, w http.ResponseWriter, r *http.Request, next http.Handler)

// Server stores what it is sent; the pair that was observed last wins. It fails
// the test when a request breaks the contract, which the real server would refuse.
type Server struct {
	piinguinv1.Piinguin // nil: the relay calls nothing but CreatePiiRecords

	URL string

	tb       testing.TB
	mu       sync.Mutex
	onCall   OnCall
	onRecord func(*piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult
	calls    int
	sent     [][]string
	records  map[string]*piinguinv1.PiiRecord
}

// New starts a server that is closed when the test ends.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{tb: tb, records: map[string]*piinguinv1.PiiRecord{}}
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	tb.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// OnCall sets what stands before the server; nil is nothing.
func (s *Server) OnCall(f OnCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = f
}

// OnRecord sets what decides about single records; a nil result lets the server
// decide. It runs under the server's lock.
func (s *Server) OnRecord(f func(*piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRecord = f
}

// Originals is what is stored, by modified value.
func (s *Server) Originals() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for k, r := range s.records {
		all[k] = r.OriginalValue
	}
	return all
}

// Store keeps a record whatever is there; it is for OnRecord, which runs under the lock.
func (s *Server) Store(r *piinguinv1.PiiRecord) { s.records[r.ModifiedValue] = r }

// Sent is the modified values of each call that reached the service, in order.
func (s *Server) Sent() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Calls is how many requests came, those that OnCall answered included.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls++
	n, onCall := s.calls, s.onCall
	s.mu.Unlock()
	next := http.MaxBytesHandler(http.HandlerFunc(s.authenticated), piinguinv1.MaxBody)
	if onCall == nil {
		next.ServeHTTP(w, r)
		return
	}
	onCall(n, w, r, next)
}

func (s *Server) authenticated(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		if err := twirp.WriteError(w, twirp.Unauthenticated.Error("unknown token")); err != nil {
			s.tb.Errorf("relaytest: could not answer: %v", err)
		}
		return
	}
	piinguinv1.NewPiinguinServer(s).ServeHTTP(w, r)
}

// CreatePiiRecords implements piinguinv1.Piinguin.
func (s *Server) CreatePiiRecords(_ context.Context, in *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(in.PiiRecords); n < 1 || n > piinguinv1.MaxBatch {
		s.tb.Errorf("relaytest: a call holds %d records", n)
	}
	out := &piinguinv1.CreatePiiRecordsResponse{}
	var values []string
	for _, r := range in.PiiRecords {
		values = append(values, r.ModifiedValue)
		out.Results = append(out.Results, s.create(r))
	}
	s.sent = append(s.sent, values)
	return out, nil
}

func (s *Server) create(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
	s.check(r)
	if s.onRecord != nil {
		if result := s.onRecord(r); result != nil {
			if result.Error == nil {
				result.Receipt = receipt()
			}
			return result
		}
	}
	old, replaced := s.records[r.ModifiedValue]
	if replaced && old.ObservedAt.AsTime().After(r.ObservedAt.AsTime()) {
		return &piinguinv1.CreatePiiRecordResult{Superseded: true, Receipt: receipt()}
	}
	s.records[r.ModifiedValue] = r
	return &piinguinv1.CreatePiiRecordResult{Replaced: replaced, Receipt: receipt()}
}

// receipt is that of every call: rpc/client takes nothing without one for a success.
func receipt() *piinguinv1.AuditReceipt {
	return &piinguinv1.AuditReceipt{Log: "relaytest", Time: timestamppb.Now(), LeafHash: make([]byte, sha256.Size)}
}

// check holds what is sent against the contract's limits.
func (s *Server) check(r *piinguinv1.PiiRecord) {
	if n := len(r.ModifiedValue); n < 1 || n > piinguinv1.MaxModifiedValue {
		s.tb.Errorf("relaytest: a modified value of %d bytes", n)
	}
	if n := len(r.OriginalValue); n > piinguinv1.MaxOriginalValue {
		s.tb.Errorf("relaytest: an original value of %d bytes", n)
	}
	src := r.GetSource()
	for _, v := range []string{src.GetFieldName(), src.GetJsonPath(), src.GetSchema(), src.GetHashFunction(), src.GetParentEventId()} {
		if len(v) > piinguinv1.MaxText || !utf8.ValidString(v) {
			s.tb.Errorf("relaytest: a source field of %d bytes", len(v))
		}
	}
	if err := r.ObservedAt.CheckValid(); err != nil {
		s.tb.Error("relaytest: observed_at is missing or invalid")
	}
}
