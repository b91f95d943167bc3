package server

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts. Labels come from closed sets: the methods of the API and of the original, Twirp's codes, the reasons of
// package server and of the operator's policy, and the engines' codes that are known.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	auditFailed prometheus.Counter
	limited     prometheus.Counter
	unusual     prometheus.Counter
	refused     *prometheus.CounterVec
	engine      *prometheus.CounterVec

	known sync.Map // *series by label values: a look-up in a vector hashes them each time
}

// series are the metrics of one method and code.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// count counts a request that has ended.
func (m *metrics) count(method, code string, took time.Duration) {
	labels := [2]string{method, code}
	found, known := m.known.Load(labels)
	if !known {
		found, _ = m.known.LoadOrStore(labels, &series{m.requests.WithLabelValues(method, code), m.seconds.WithLabelValues(method)})
	}
	s, _ := found.(*series)
	s.requests.Inc()
	s.seconds.Observe(took.Seconds())
}

// newMetrics makes the server's metrics and registers further ones. The error says that one of
// those has a name that is taken.
func newMetrics(deriveLag func() time.Duration, further []prometheus.Collector) (*metrics, error) {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piinguin_requests_total", Help: "Requests by method and Twirp code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "piinguin_request_seconds", Help: "Duration of requests in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"method"}),
		auditFailed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "piinguin_audit_append_failures_total",
			Help: "Entries that were not durable within the deadline; nothing was released for them.",
		}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "piinguin_limited_requests_total", Help: "Requests refused because the caller's limit was reached.",
		}),
		unusual: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "piinguin_unusual_reading_total", Help: "Minutes in which a caller read far more records than it does normally.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piinguin_failed_requests_total", Help: "Requests that were refused or failed, by meta.reason.",
		}, []string{"reason"}),
		engine: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piinguin_engine_failures_total", Help: "Errors of the store or the ledger's engine by its code, or other.",
		}, []string{"code"}),
	}
	m.registry.MustRegister(
		m.requests, m.seconds, m.auditFailed, m.limited, m.unusual, m.refused, m.engine,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "piinguin_audit_derive_lag_seconds",
			Help: "For how long the oldest entry that is not in the index yet has waited. Answers are complete all the same.",
		}, func() float64 { return deriveLag().Seconds() }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, c := range further {
		if err := m.registry.Register(c); err != nil {
			return nil, fmt.Errorf("server: Config.Metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
