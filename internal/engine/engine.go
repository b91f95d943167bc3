// Package engine opens the places where records and ledger are kept: one SQLite file for
// both, or two DynamoDB tables.
//
//	e, err := engine.OpenSQLite(ctx, "piinguin.db", log)
//	...
//	defer e.Close()
//	ledger, err := audit.Open(ctx, audit.Config{Store: e.Ledger, Logs: e.Logs, Leases: e.Leases, Key: key})
//
// Whoever needs records and ledger together opens them here, so that a server, the bench and the
// tests run on the same thing. It reads no flags and no environment.
package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/store"
)

// Engine is where a server keeps its records and its ledger.
type Engine struct {
	Records store.Store
	Ledger  audit.Store
	// Leases is nil where the server has the engine to itself.
	Leases audit.Leases
	// Logs is how many logs a server should write side by side at most.
	Logs int
	// Metrics are the engine's own, to be registered beside the server's.
	Metrics []prometheus.Collector

	close func() error
}

// Close ends what the engine does. Close the ledger that writes to it first.
func (e *Engine) Close() error { return e.close() }
