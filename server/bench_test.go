package server_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// BenchmarkRead is an audited read without network and disk, by many callers at once.
func BenchmarkRead(b *testing.B) {
	records := store.NewMem()
	if r := records.Put(b.Context(), []store.Record{{ModifiedValue: "key", Original: store.NewOriginal("ada@example.org"), ObservedAt: time.Now()}}); r[0].Err != nil {
		b.Fatal(r[0].Err)
	}
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	ledger, err := audit.Open(b.Context(), audit.Config{Store: audit.NewMem(), Key: key})
	if err != nil {
		b.Fatal(err)
	}
	s, err := server.New(server.Config{
		Ledger: ledger, Store: records, Callers: identity.DevTokens(), Policy: policy.NewBuiltin(), Log: zerolog.New(io.Discard),
	})
	if err != nil {
		b.Fatal(err)
	}
	handler := s.Handler()
	body, err := proto.Marshal(&piinguinv1.ReadPiiRecordRequest{
		ModifiedValue: "key", ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT, Purpose: "bench",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/twirp/piinguin.v1.Piinguin/ReadPiiRecord", bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer dev-reader")
			r.Header.Set("Content-Type", "application/protobuf")
			w := httptest.NewRecorder()
			if handler.ServeHTTP(w, r); w.Code != http.StatusOK {
				b.Error(w.Body)
			}
		}
	})
}
