package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/settings"
)

// ledgerFlags say where list, summary, show and prove read the ledger: from a server, or with --store from its tables.
type ledgerFlags struct {
	server settings.Client
	store  storeFlags
}

func (f *ledgerFlags) addTo(cmd *cobra.Command) {
	f.server.AddTo(cmd.Flags())
	f.store.addLedger(cmd.Flags(), "", storeOrServer)
	settings.FlagOnly(cmd.Flags(), "store") // the variable is the server's on the same machine
}

// question is what list asks a ledger.
type question struct {
	audit.Query
	hideOwn bool // leaves out earlier questions of whoever asks; only a server knows who that is
}

// ledger is what the reviewing commands ask, whichever of the two it is.
type ledger interface {
	list(ctx context.Context, q question) (found []audit.Entry, next *audit.Position, err error)
	summarize(ctx context.Context, q audit.SummaryQuery) ([]audit.SummaryRow, error)
	entry(ctx context.Context, at audit.Place) (audit.Entry, error)
	// prove returns the proof of an entry, and the file that binds its tree; nil if that is not in the
	// spine yet.
	prove(ctx context.Context, at audit.Place) (proof, kept []byte, err error)
}

// open chooses by --store. It asks for a credential before it connects, because a server would answer
// only that somebody unknown has called.
func (f *ledgerFlags) open(ctx context.Context) (ledger, func() error, error) {
	if f.store.engine == "" {
		if !f.server.HasCredential() {
			return nil, nil, fmt.Errorf("an auditor's credential is required: --token (%s), --auth iam or --tls-cert; or read the tables with --store", settings.EnvName("token"))
		}
		c, err := f.server.Open(ctx)
		return remote{c}, func() error { return nil }, err
	}
	store, done, err := f.store.review(ctx)
	if err != nil {
		return nil, nil, err
	}
	return tables{audit.OpenIndex(store), store}, done, nil
}

// tables reads the ledger from its tables. That makes no entry, so no question is anybody's own: whoever can
// read the tables needs no server.
type tables struct {
	*audit.Index
	reader audit.Reader
}

var (
	errNoEntry  = errors.New("there is no such log or entry")
	errNoLedger = errors.New("there is no ledger here")
)

func (t tables) list(ctx context.Context, q question) ([]audit.Entry, *audit.Position, error) {
	found, next, err := t.List(ctx, q.Query)
	if errors.Is(err, audit.ErrNotFound) {
		err = errNoLedger
	}
	return found, next, err
}

func (t tables) summarize(ctx context.Context, q audit.SummaryQuery) ([]audit.SummaryRow, error) {
	rows, err := t.Summarize(ctx, q)
	switch {
	case errors.Is(err, audit.ErrNotFound):
		err = errNoLedger
	case errors.Is(err, audit.ErrQuery):
		err = fmt.Errorf("the summary would have more than %d rows: count --by less, or over a shorter time", audit.MaxSummaryRows)
	}
	return rows, err
}

// entry gives the same error as a server, so that scripts need not know which of the two answered.
func (t tables) entry(ctx context.Context, at audit.Place) (audit.Entry, error) {
	e, err := t.Entry(ctx, at.Log, at.Index)
	if errors.Is(err, audit.ErrNotFound) {
		return e, errNoEntry
	}
	return e, err
}
