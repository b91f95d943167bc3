package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// legal answers each request as a Piinguin server may, whatever the request holds.
type legal struct {
	piinguinv1.Piinguin
	piinguinv1.Audit
}

func receipt(log string, index int64) *piinguinv1.AuditReceipt {
	return &piinguinv1.AuditReceipt{Log: log, Index: index, Time: timestamppb.Now(), LeafHash: make([]byte, sha256.Size)}
}

func (legal) CreatePiiRecord(context.Context, *piinguinv1.CreatePiiRecordRequest) (*piinguinv1.CreatePiiRecordResponse, error) {
	return &piinguinv1.CreatePiiRecordResponse{Receipt: receipt("log", 0)}, nil
}

func (legal) CreatePiiRecords(_ context.Context, in *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	out := &piinguinv1.CreatePiiRecordsResponse{}
	for range in.GetPiiRecords() {
		out.Results = append(out.Results, &piinguinv1.CreatePiiRecordResult{Receipt: receipt("log", 0)})
	}
	return out, nil
}

func (legal) ReadPiiRecord(_ context.Context, in *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	return &piinguinv1.ReadPiiRecordResponse{
		PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: in.GetModifiedValue()}, Receipt: receipt("log", 0),
	}, nil
}

func (legal) ReadPiiRecords(_ context.Context, in *piinguinv1.ReadPiiRecordsRequest) (*piinguinv1.ReadPiiRecordsResponse, error) {
	out := &piinguinv1.ReadPiiRecordsResponse{}
	for _, value := range in.GetModifiedValues() {
		out.Results = append(out.Results, &piinguinv1.ReadPiiRecordResult{
			PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: value}, Receipt: receipt("log", 0),
		})
	}
	return out, nil
}

func (legal) DeletePiiRecord(context.Context, *piinguinv1.DeletePiiRecordRequest) (*piinguinv1.DeletePiiRecordResponse, error) {
	return &piinguinv1.DeletePiiRecordResponse{Receipt: receipt("log", 0)}, nil
}

func (legal) DeletePiiRecords(_ context.Context, in *piinguinv1.DeletePiiRecordsRequest) (*piinguinv1.DeletePiiRecordsResponse, error) {
	out := &piinguinv1.DeletePiiRecordsResponse{}
	for range in.GetModifiedValues() {
		out.Results = append(out.Results, &piinguinv1.DeletePiiRecordResult{Receipt: receipt("log", 0)})
	}
	return out, nil
}

func (legal) ListEntries(context.Context, *piinguinv1.ListEntriesRequest) (*piinguinv1.ListEntriesResponse, error) {
	return &piinguinv1.ListEntriesResponse{Receipt: receipt("log", 0)}, nil
}

func (legal) GetEntry(_ context.Context, in *piinguinv1.GetEntryRequest) (*piinguinv1.GetEntryResponse, error) {
	return &piinguinv1.GetEntryResponse{Entry: &piinguinv1.Entry{Line: "{}", Log: in.GetLog(), Index: in.GetIndex()}}, nil
}

// ServeHTTP implements http.Handler.
func (l legal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.Handle(piinguinv1.PiinguinPathPrefix, piinguinv1.NewPiinguinServer(l))
	mux.Handle(piinguinv1.AuditPathPrefix, piinguinv1.NewAuditServer(l))
	mux.ServeHTTP(w, r)
}

// newTestServer starts a server that runs h for each request. If h writes nothing, the answer is
// legal's.
func newTestServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(orLegal(h))
	t.Cleanup(srv.Close)
	return srv
}

func orLegal(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &bodyWriter{ResponseWriter: w}
		h(answer, r)
		if !answer.begun {
			r.URL.Path = r.URL.Path[max(0, bytes.Index([]byte(r.URL.Path), []byte("/twirp/"))):]
			legal{}.ServeHTTP(w, r)
		}
	})
}

// bodyWriter notes whether an answer was begun.
type bodyWriter struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (b *bodyWriter) WriteHeader(status int) {
	b.begun = true
	b.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (b *bodyWriter) Write(p []byte) (int, error) {
	b.begun = true
	return b.ResponseWriter.Write(p)
}
