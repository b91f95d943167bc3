package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
)

func showCommand() *cobra.Command {
	var from ledgerFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show LOG/INDEX",
		Short: "Show one entry",
		Long: `Show one entry, by default a field a line. With --json it is the entry's own line of
canonical JSON; characters that are not visible, such as U+2028, are written as \uXXXX
in it, which "audit check" takes for the same line. "audit export" has the exact bytes.`,
		Example: `  piinguin audit show 1/17`,
		Args:    cli.Args("LOG/INDEX"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := parsePlace(args[0])
			if err != nil {
				return err
			}
			ledger, done, err := from.open(cmd.Context())
			if err != nil {
				return err
			}
			e, err := ledger.entry(cmd.Context(), at)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			line, err := e.Format()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), line)
			}
			rows := append(fields(e), []string{"leaf_hash", audit.LeafHash(line).String()}, []string{"line", string(line)})
			return table(cmd.OutOrStdout(), rows)
		},
	}
	from.addTo(cmd)
	addJSON(cmd, &asJSON)
	return cmd
}

// fields returns the name and value of each field that an entry has.
func fields(e audit.Entry) [][]string {
	all := [][]string{
		{"ledger", e.Ledger}, {"log", e.Log.String()}, {"index", strconv.FormatInt(e.Index, 10)}, {"time", formatTime(e.Time)},
		{"operation", string(e.Operation)}, {"outcome", string(e.Outcome)}, {"reason", e.Reason},
		{"caller", e.Caller}, {"authentication", e.Authentication}, {"on_behalf_of", e.OnBehalfOf},
		{"basis", e.Basis}, {"special_category_condition", e.Condition}, {"policy", e.Policy}, {"purpose", e.Purpose}, {"reference", e.Reference}, {"checkpoint", e.Checkpoint},
		{"about", e.About}, {"detail", e.Detail},
		{"modified_value", e.ModifiedValue}, {"request_id", e.RequestID},
	}
	if e.Count > 0 {
		all = append(all, []string{"count", strconv.FormatInt(e.Count, 10)})
	}
	var set [][]string
	for _, f := range all {
		if f[1] != "" {
			set = append(set, f)
		}
	}
	return set
}
