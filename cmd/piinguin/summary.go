package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
)

// summaryFlags are the flags of summary.
type summaryFlags struct {
	ledger              ledgerFlags
	by                  []string
	month, first, last  string
	wide, asJSON, asCSV bool
}

func summaryCommand(env func(string) string) *cobra.Command {
	var o summaryFlags
	cmd := &cobra.Command{
		Use:   "summary",
		Short: "Count entries by day, caller, operation, outcome, basis and purpose",
		Long: `Count the ledger's entries: without flags those of this month in UTC, by day and operation.
CHECKPOINT entries are not counted. Your own reviews are; this one from the next on.

The 256 most frequent purposes are told apart. The others are counted together, in the rows
that come last. The table fits the terminal, or COLUMNS, or 80 columns: long values lose
their middle. --wide, --csv and --json show them whole.`,
		Example: `  PIINGUIN_TOKEN=dev-auditor piinguin audit summary --by caller,basis --month 2026-11
  piinguin audit summary --store sqlite:piinguin.db --by purpose --from 2026-01-01 --to 2026-12-31 --csv`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := o.question(cmd.Flags(), time.Now())
			if err != nil {
				return err
			}
			ledger, done, err := o.ledger.open(cmd.Context())
			if err != nil {
				return err
			}
			rows, err := ledger.summarize(cmd.Context(), q)
			if err = errors.Join(err, done()); err != nil {
				return toVerify(err)
			}
			if err := o.print(cmd.OutOrStdout(), rows, q.By, env); err != nil {
				return err
			}
			if len(rows) == 0 {
				cmd.PrintErrf("No entries from %s to %s.\n", q.From.Format(time.DateOnly), q.To.AddDate(0, 0, -1).Format(time.DateOnly))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	o.ledger.addTo(cmd)
	flags.StringSliceVar(&o.by, "by", []string{"day", "operation"}, "what to count by, with commas between:\n"+strings.Join(dimensionNames(), ", "))
	flags.StringVar(&o.month, "month", "", "only entries of this `month` in UTC, such as 2026-11; default this month")
	flags.StringVar(&o.first, "from", "", "only entries from this `day` on, in UTC, such as 2026-01-31")
	flags.StringVar(&o.last, "to", "", "only entries to the end of this `day`; default today. At most 366 days with --from")
	flags.BoolVar(&o.wide, "wide", false, "show every value whole, however long the lines become")
	flags.BoolVar(&o.asJSON, "json", false, "print a line of JSON for each row")
	flags.BoolVar(&o.asCSV, "csv", false, "print CSV; a ' protects what a spreadsheet would run as a formula")
	return cmd
}

func dimensionNames() []string {
	var names []string
	for _, d := range audit.Dimensions() {
		names = append(names, string(d))
	}
	return names
}

// question returns what to ask a ledger. The dimensions are in the order of the rows.
func (o *summaryFlags) question(flags *pflag.FlagSet, now time.Time) (audit.SummaryQuery, error) {
	var q audit.SummaryQuery
	for _, names := range [][]string{{"month", "from"}, {"month", "to"}, {"json", "csv", "wide"}} {
		if err := cli.Apart(flags, names...); err != nil {
			return q, err
		}
	}
	for _, name := range o.by {
		if !slices.Contains(dimensionNames(), strings.ToLower(name)) {
			return q, fmt.Errorf("--by must be some of %s, with commas between", strings.Join(dimensionNames(), ", "))
		}
	}
	for _, d := range audit.Dimensions() {
		if slices.ContainsFunc(o.by, func(name string) bool { return strings.EqualFold(name, string(d)) }) {
			q.By = append(q.By, d)
		}
	}
	if len(q.By) == 0 {
		return q, errors.New("--by is empty")
	}
	var err error
	q.From, q.To, err = o.days(now.UTC())
	return q, err
}

// days returns the first day, and the day after the last.
func (o *summaryFlags) days(now time.Time) (from, to time.Time, err error) {
	switch {
	case o.first == "" && o.last != "":
		return from, to, errors.New("--to needs --from")
	case o.first == "":
		if o.month == "" {
			o.month = now.Format("2006-01")
		}
		if from, err = time.Parse("2006-01", o.month); err != nil {
			return from, to, errors.New("--month must be a month as 2026-01")
		}
		return from, from.AddDate(0, 1, 0), nil
	case o.last == "":
		o.last = now.Format(time.DateOnly)
	}
	if from, err = time.Parse(time.DateOnly, o.first); err != nil {
		return from, to, errors.New("--from must be a day as 2026-01-31")
	}
	if to, err = time.Parse(time.DateOnly, o.last); err != nil {
		return from, to, errors.New("--to must be a day as 2026-01-31")
	}
	to = to.AddDate(0, 0, 1)
	switch {
	case !from.Before(to):
		return from, to, errors.New("--from is after --to")
	case to.After(from.AddDate(0, 0, audit.MaxSummaryDays)):
		return from, to, fmt.Errorf("--from and --to must be at most %d days", audit.MaxSummaryDays)
	}
	return from, to, nil
}
