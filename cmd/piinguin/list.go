package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// listPage is how many entries are asked for at once: the API's limit.
const listPage = 500

// reviewed is where list and show read the ledger: a server, or its tables.
type reviewed struct {
	server settings.Client
	where  where
}

func (r *reviewed) addTo(cmd *cobra.Command) {
	r.server.AddTo(cmd.Flags())
	r.where.addLedger(cmd.Flags(), "", storeOrServer)
}

// ledger answers a reviewer.
type ledger interface {
	list(ctx context.Context, q audit.Query) ([]audit.Entry, error)
	entry(ctx context.Context, log string, index int64) (audit.Entry, error)
	prove(ctx context.Context, log string, index int64) ([]byte, error)
}

func (r *reviewed) open(ctx context.Context) (ledger, func() error, error) {
	if r.where.store == "" {
		if !r.server.HasCredential() {
			return nil, nil, fmt.Errorf("say who asks, with an auditor's --token (%s), --auth iam or --tls-cert, or read the tables with --store", settings.EnvName("token"))
		}
		c, err := r.server.Open(ctx)
		return remote{c}, func() error { return nil }, err
	}
	store, done, err := r.where.review(ctx)
	return tables{store}, done, err
}

// tables is the ledger in its tables.
type tables struct{ audit.Store }

var errNoEntry = errors.New("there is no such log or entry")

func (t tables) list(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	return t.List(ctx, q)
}

func (t tables) entry(ctx context.Context, log string, index int64) (audit.Entry, error) {
	e, err := t.Entry(ctx, log, index)
	if errors.Is(err, audit.ErrNotFound) {
		return e, errNoEntry
	}
	return e, err
}

// remote is the ledger behind a server. Entries are read from their lines.
type remote struct{ piinguinv1.Audit }

func (r remote) list(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	req := &piinguinv1.ListEntriesRequest{
		Subject: q.ModifiedValue, Caller: q.Caller, PageSize: int32(min(q.Limit, listPage)), //nolint:gosec // bounded
		Basis:     piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[q.Basis]),
		Operation: piinguinv1.Operation(piinguinv1.Operation_value[string(q.Operation)]),
		Outcome:   piinguinv1.Outcome(piinguinv1.Outcome_value[string(q.Outcome)]),
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
		return nil, rpcFailure(err)
	}
	entries := make([]audit.Entry, len(out.GetEntries()))
	for i, e := range out.GetEntries() {
		if entries[i], err = audit.Parse([]byte(e.GetLine())); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func (r remote) entry(ctx context.Context, log string, index int64) (audit.Entry, error) {
	out, err := r.GetEntry(ctx, &piinguinv1.GetEntryRequest{Log: log, Index: index})
	if err != nil {
		return audit.Entry{}, rpcFailure(err)
	}
	return audit.Parse([]byte(out.GetEntry().GetLine()))
}

// listOptions are the flags of list.
type listOptions struct {
	from                      reviewed
	since, until              string
	subject, caller           string
	basis, operation, outcome string
	limit                     int
	asJSON, asCSV             bool
}

func listCommand() *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List entries, newest first",
		Example: `  PIINGUIN_TOKEN=dev-auditor piinguin audit list --outcome DENIED
  piinguin audit list --store sqlite:piinguin.db --subject 7d8a4beae5bc9d31 --from 2026-01-01 --csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := o.query()
			if err != nil {
				return err
			}
			ledger, done, err := o.from.open(cmd.Context())
			if err != nil {
				return err
			}
			entries, err := listAll(cmd.Context(), ledger, q, o.limit)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), entries)
		},
	}
	flags := cmd.Flags()
	o.from.addTo(cmd)
	flags.StringVar(&o.since, "from", "", "only entries at or after this `time` (RFC 3339, or a day in UTC)")
	flags.StringVar(&o.until, "to", "", "only entries before this `time`")
	flags.StringVar(&o.subject, "subject", "", "only entries about this `modified value`")
	flags.StringVar(&o.caller, "caller", "", "only entries of this `caller`")
	flags.StringVar(&o.basis, "basis", "", "only entries with this lawful `basis`")
	flags.StringVar(&o.operation, "operation", "", "only READ, DELETE, CREATE, REVIEW or OPEN")
	flags.StringVar(&o.outcome, "outcome", "", "only GRANTED, DENIED, NOT_FOUND or ERROR")
	flags.IntVar(&o.limit, "limit", 100, "how many entries at the most; 0 lists all")
	flags.BoolVar(&o.asJSON, "json", false, "print the entries' own lines: canonical JSON, one each")
	flags.BoolVar(&o.asCSV, "csv", false, "print CSV; a cell that a spreadsheet would take for a formula begins with '")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

func (o *listOptions) query() (audit.Query, error) {
	q := audit.Query{ModifiedValue: o.subject, Caller: o.caller}
	if o.limit < 0 {
		return q, errors.New("--limit must not be negative")
	}
	var err error
	if o.since != "" {
		if q.From, err = parseTime(o.since); err != nil {
			return q, fmt.Errorf("--from %w", err)
		}
	}
	if o.until != "" {
		if q.To, err = parseTime(o.until); err != nil {
			return q, fmt.Errorf("--to %w", err)
		}
	}
	for _, f := range []struct {
		flag, name string
		values     map[string]int32
		into       *string
	}{
		{"basis", o.basis, piinguinv1.LawfulBasisForProcessing_value, &q.Basis},
		{"operation", o.operation, piinguinv1.Operation_value, (*string)(&q.Operation)},
		{"outcome", o.outcome, piinguinv1.Outcome_value, (*string)(&q.Outcome)},
	} {
		if _, err := enum(f.flag, f.name, f.values); err != nil {
			return q, err
		}
		*f.into = strings.ToUpper(f.name)
	}
	return q, nil
}

// listAll asks page by page for up to limit entries; 0 is all.
func listAll(ctx context.Context, l ledger, q audit.Query, limit int) ([]audit.Entry, error) {
	var all []audit.Entry
	for {
		q.Limit = listPage
		if limit > 0 {
			q.Limit = min(listPage, limit-len(all))
		}
		page, err := l.list(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < q.Limit || len(all) == limit {
			return all, nil
		}
		last := page[len(page)-1].Position()
		q.Before = &last
	}
}

func (o *listOptions) print(w io.Writer, entries []audit.Entry) error {
	switch {
	case o.asJSON:
		for _, e := range entries {
			line, err := e.Format()
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s\n", line); err != nil {
				return err
			}
		}
		return nil
	case o.asCSV:
		return printCSV(w, entries)
	}
	rows := [][]string{{"TIME", "OPERATION", "OUTCOME", "REASON", "CALLER", "BASIS", "SUBJECT", "PURPOSE", "REFERENCE", "ENTRY"}}
	for _, e := range entries {
		row := []string{formatTime(e.Time), string(e.Operation), string(e.Outcome), e.Reason, e.Caller, e.Basis, e.ModifiedValue, e.Purpose, e.Reference}
		for i, cell := range row {
			if cell == "" {
				row[i] = "-"
			}
		}
		rows = append(rows, append(row, fmt.Sprintf("%s/%d", e.Log, e.Index)))
	}
	return table(w, rows)
}

func printCSV(w io.Writer, entries []audit.Entry) error {
	out := csv.NewWriter(w)
	rows := [][]string{{
		"log", "index", "time", "operation", "outcome", "reason", "caller", "authentication", "on_behalf_of",
		"basis", "purpose", "reference", "modified_value", "request_id", "count", "checkpoint",
		"special_category_condition", "policy",
	}}
	for _, e := range entries {
		rows = append(rows, []string{
			e.Log, strconv.FormatInt(e.Index, 10), e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
			string(e.Operation), string(e.Outcome), e.Reason, cell(e.Caller), e.Authentication, cell(e.OnBehalfOf),
			e.Basis, cell(e.Purpose), cell(e.Reference), cell(e.ModifiedValue), e.RequestID, strconv.FormatInt(e.Count, 10), e.Checkpoint,
			e.Condition, e.Policy,
		})
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// cell keeps a text of a caller from being run by the reviewer's spreadsheet.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
