package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/piinguin/piinguin/cmd/internal/cli"
)

// newBuildMetric says which build serves, so that a dashboard shows when an update has reached
// every server.
func newBuildMetric() prometheus.Collector {
	b := cli.ReadBuild()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "piinguin_build_info",
		Help:        "Always 1. The labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Commit, "goversion": b.Go},
	})
	gauge.Set(1)
	return gauge
}
