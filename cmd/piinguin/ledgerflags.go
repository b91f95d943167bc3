package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// ledgerFlags say where list, show and prove read the ledger: from a server, or with --store from its tables.
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
	audit.Index
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

// entry gives the same error as a server, so that scripts need not know which of the two answered.
func (t tables) entry(ctx context.Context, at audit.Place) (audit.Entry, error) {
	e, err := t.Entry(ctx, at.Log, at.Index)
	if errors.Is(err, audit.ErrNotFound) {
		return e, errNoEntry
	}
	return e, err
}

// remote reads the ledger through a server. It parses the entries' own lines, so that what is printed is
// what was signed and not the server's rendering of it.
type remote struct{ piinguinv1.Audit }

func (r remote) list(ctx context.Context, q question) ([]audit.Entry, *audit.Position, error) {
	req := &piinguinv1.ListEntriesRequest{
		Subject: q.ModifiedValue, Caller: q.Caller, PageSize: int32(min(q.Limit, piinguinv1.MaxPageSize)), //nolint:gosec // bounded
		Basis:     piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[q.Basis]),
		Operation: piinguinv1.Operation(piinguinv1.Operation_value[string(q.Operation)]),
		Outcome:   piinguinv1.Outcome(piinguinv1.Outcome_value[string(q.Outcome)]),

		Purpose: q.Purpose, Reference: q.Reference, RequestId: q.RequestID, HideOwnReviews: q.hideOwn,
	}
	if !q.From.IsZero() {
		req.From = timestamppb.New(q.From)
	}
	if !q.To.IsZero() {
		req.To = timestamppb.New(q.To)
	}
	if q.Before != nil {
		req.PageToken = q.Before.String()
	}
	out, err := r.ListEntries(ctx, req)
	if err != nil {
		return nil, nil, rpcFailure(err)
	}
	entries := make([]audit.Entry, len(out.GetEntries()))
	for i, e := range out.GetEntries() {
		if entries[i], err = parseEntry(e); err != nil {
			return nil, nil, err
		}
	}
	if out.GetNextPageToken() == "" {
		return entries, nil, nil
	}
	next, err := audit.ParsePosition(out.GetNextPageToken())
	if err != nil {
		return nil, nil, fmt.Errorf("the server's answer: %w", err)
	}
	return entries, &next, nil
}

func (r remote) entry(ctx context.Context, at audit.Place) (audit.Entry, error) {
	out, err := r.GetEntry(ctx, &piinguinv1.GetEntryRequest{Log: at.Log.String(), Index: at.Index})
	if err != nil {
		return audit.Entry{}, rpcFailure(err)
	}
	return parseEntry(out.GetEntry())
}

// parseEntry reads the line of an entry, which has to be of the place that the answer names: rpc/client has
// held that against the question.
func parseEntry(of *piinguinv1.Entry) (audit.Entry, error) {
	e, err := audit.Parse([]byte(of.GetLine()))
	if err == nil && (e.Log.String() != of.GetLog() || e.Index != of.GetIndex()) {
		err = errors.New("the server's answer names an entry and has the line of another one")
	}
	return e, err
}
