package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// listFlags are the flags of list.
type listFlags struct {
	from                      ledgerFlags
	since, until              string
	subject, caller           string
	basis, operation, outcome string
	limit                     int
	asJSON, asCSV             bool
}

func listCommand() *cobra.Command {
	var o listFlags
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
	flags.IntVar(&o.limit, "limit", 100, "most entries to list; 0 lists all")
	flags.BoolVar(&o.asJSON, "json", false, "print each entry's own line, as show does")
	flags.BoolVar(&o.asCSV, "csv", false, "print CSV; a ' protects what a spreadsheet would run as a formula")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

// query checks the filters here. A misspelt name would otherwise match nothing, and an empty list would
// read like "nobody looked".
func (o *listFlags) query() (audit.Query, error) {
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

// listAll asks page by page for at most limit entries; 0 means all.
func listAll(ctx context.Context, l ledger, q audit.Query, limit int) ([]audit.Entry, error) {
	var all []audit.Entry
	for {
		q.Limit = piinguinv1.MaxPageSize
		if limit > 0 {
			q.Limit = min(piinguinv1.MaxPageSize, limit-len(all))
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

func (o *listFlags) print(w io.Writer, entries []audit.Entry) error {
	switch {
	case o.asJSON:
		for _, e := range entries {
			line, err := e.Format()
			if err != nil {
				return err
			}
			if err := writeJSON(w, line); err != nil {
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

// printCSV writes all fields, in an order that only ever grows at the end: sheets and scripts address
// columns by number.
func printCSV(w io.Writer, entries []audit.Entry) error {
	rows := [][]string{{
		"log", "index", "time", "operation", "outcome", "reason", "caller", "authentication", "on_behalf_of",
		"basis", "purpose", "reference", "modified_value", "request_id", "count", "checkpoint",
		"special_category_condition", "policy",
	}}
	for _, e := range entries {
		rows = append(rows, []string{
			e.Log, strconv.FormatInt(e.Index, 10), e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
			string(e.Operation), string(e.Outcome), e.Reason, e.Caller, e.Authentication, e.OnBehalfOf,
			e.Basis, e.Purpose, e.Reference, e.ModifiedValue, e.RequestID, strconv.FormatInt(e.Count, 10), e.Checkpoint,
			e.Condition, e.Policy,
		})
	}
	return printable.WriteCSV(printable.Raw(w), rows)
}
