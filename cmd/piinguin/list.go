package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// listFlags are the flags of list.
type listFlags struct {
	from          ledgerFlags
	filter        filterFlags
	view          listView
	before        string
	limit         int
	asJSON, asCSV bool
}

func listCommand(env func(string) string) *cobra.Command {
	var o listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List entries, newest first",
		Long: `List entries, newest first. An entry is listed if it matches every filter; a filter that
is repeated matches any of its values.

A server leaves out your own reviews: the entries of lists and shows under your name,
proven as now. --mine lists them as well; so do --caller, --operation, --reference and
--request-id, which may ask for one. With --store nobody asks, and all are listed.

CHECKPOINT entries, one a minute in the spine, are listed only with --operation CHECKPOINT.

The table fits the terminal, or COLUMNS, or 80 columns: columns without a value or with
a filter's one value are left out, long values lose their middle, then columns are left
out, the subject last. --wide, --csv and --json show everything.`,
		Example: `  PIINGUIN_TOKEN=dev-auditor piinguin audit list --outcome DENIED --outcome ERROR
  piinguin audit list --store sqlite:piinguin.db --subject 7d8a4beae5bc9d31 --from 2026-01-01 --to 2026-01-31 --csv
  piinguin audit list --columns time,caller,purpose,reference`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd.Flags()); err != nil {
				return err
			}
			q, err := o.question()
			if err != nil {
				return err
			}
			ledger, done, err := o.from.open(cmd.Context())
			if err != nil {
				return err
			}
			found, err := q.list(cmd.Context(), ledger, o.limit)
			if err = errors.Join(err, done()); err != nil {
				return toVerify(err)
			}
			if err := o.print(cmd.OutOrStdout(), found.entries, q, env); err != nil {
				return err
			}
			found.tell(cmd.ErrOrStderr(), o.limit)
			return nil
		},
	}
	flags := cmd.Flags()
	o.from.addTo(cmd)
	o.filter.addTo(flags)
	o.view.addTo(flags)
	flags.StringVar(&o.before, "before", "", "go on at the `place` where an earlier list stopped, which it names")
	flags.IntVar(&o.limit, "limit", 100, "most entries to list; 0 lists all")
	flags.BoolVar(&o.asJSON, "json", false, "print each entry's own line, as show does")
	flags.BoolVar(&o.asCSV, "csv", false, "print CSV; a ' protects what a spreadsheet would run as a formula")
	return cmd
}

// check refuses columns that are none, and flags that contradict each other.
func (o *listFlags) check(flags *pflag.FlagSet) error {
	for _, names := range [][]string{{"mine", "store"}, {"json", "csv", "columns"}, {"json", "csv", "wide"}} {
		if err := cli.Apart(flags, names...); err != nil {
			return err
		}
	}
	return o.view.check()
}

func (o *listFlags) question() (question, error) {
	if o.limit < 0 {
		return question{}, errors.New("--limit must not be negative")
	}
	q, err := o.filter.question()
	if err != nil {
		return q, err
	}
	if o.before != "" {
		place, err := audit.ParsePosition(o.before)
		if err != nil {
			return q, errors.New("--before is not a place that a list named")
		}
		q.Before = &place
	}
	return q, nil
}

func (o *listFlags) print(w io.Writer, entries []audit.Entry, q question, env func(string) string) error {
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
	return o.view.print(w, entries, q, env)
}

// toVerify says what to do about a row that is not what was written.
func toVerify(err error) error {
	var row *audit.RowError
	if errors.As(err, &row) {
		return fmt.Errorf("%w; \"piinguin audit verify\" says what else is not as it was written", err)
	}
	return err
}

// listed is what a list found, and where it stopped at its limit; nil if it did not.
type listed struct {
	entries []audit.Entry
	stopped *audit.Position
}

// list asks page by page for at most limit entries that match; 0 means all.
func (q question) list(ctx context.Context, l ledger, limit int) (listed, error) {
	var out listed
	for {
		q.Limit = piinguinv1.MaxPageSize
		if limit > 0 {
			q.Limit = min(piinguinv1.MaxPageSize, limit+1-len(out.entries)) // one more tells that there are more
		}
		page, next, err := l.list(ctx, q)
		if err != nil {
			return out, err
		}
		for _, e := range page {
			if limit > 0 && len(out.entries) == limit {
				last := out.entries[limit-1].Position()
				out.stopped = &last
				return out, nil
			}
			out.entries = append(out.entries, e)
		}
		if next == nil {
			return out, nil
		}
		q.Before = next
	}
}

// tell says that nothing was found, or that there are older entries: nobody may take a list that was cut
// for a whole one.
func (l listed) tell(stderr io.Writer, limit int) {
	switch {
	case l.stopped == nil && len(l.entries) == 0:
		_, _ = fmt.Fprintln(stderr, "No entry matches.")
	case l.stopped != nil:
		_, _ = fmt.Fprintf(stderr, "Stopped at the limit of %d entries; there are older ones. Go on with --before %s, or list all with --limit 0.\n", limit, l.stopped)
	}
}
