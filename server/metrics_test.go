package server_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

func TestFurtherMetrics(t *testing.T) {
	key, err := audit.GenerateKey(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := audit.Open(t.Context(), audit.Config{Store: audit.NewMem(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close(context.Background()) })
	further := prometheus.NewCounter(prometheus.CounterOpts{Name: "further_total"})
	c := server.Config{Ledger: ledger, Store: store.NewMem(), Callers: identity.DevTokens(), Policy: policy.NewBuiltin(), Metrics: []prometheus.Collector{further}}
	s, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	further.Inc()
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(answer.Result().Body)
	if err != nil || !strings.Contains(string(body), "further_total 1\n") {
		t.Errorf("/metrics lacks it: %v", err)
	}
	c.Metrics = append(c.Metrics, further)
	if _, err := server.New(c); err == nil {
		t.Error("New takes a metric twice")
	}
}
