package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Review and verify the ledger",
		Long: `Review and verify the ledger.

list, show and prove ask the server, with an auditor's token; list and show become
entries of the ledger themselves. With --store they read the tables without a
server. verify, export and key always read the tables: they must not have to trust a
server. check needs nothing but a proof, the entry and the key. prune is the operator's,
and needs the signing key.`,
	}
	cmd.AddCommand(listCommand(), showCommand(), proveCommand(), checkCommand(), verifyCommand(), exportCommand(), keyCommand(), pruneCommand())
	return cmd
}

const (
	storeOrServer = "read sqlite:`PATH` or dynamodb directly, without a server"
	storeUsage    = "where the ledger is kept: sqlite:`PATH` or dynamodb"
)

func showCommand() *cobra.Command {
	var from reviewed
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show LOG/INDEX",
		Short:   "Show one entry",
		Example: `  piinguin audit show piinguin-1/17`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, index, err := parseEntryName(args[0])
			if err != nil {
				return err
			}
			ledger, done, err := from.open(cmd.Context())
			if err != nil {
				return err
			}
			e, err := ledger.entry(cmd.Context(), log, index)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			line, err := e.Format()
			if err != nil {
				return err
			}
			if asJSON {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line)
				return err
			}
			rows := append(fields(e), []string{"leaf_hash", audit.LeafHash(line).String()}, []string{"line", string(line)})
			return table(cmd.OutOrStdout(), rows)
		},
	}
	from.addTo(cmd)
	addJSON(cmd, &asJSON)
	return cmd
}

// fields returns the fields of an entry that are set, with their names.
func fields(e audit.Entry) [][]string {
	all := [][]string{
		{"log", e.Log}, {"index", strconv.FormatInt(e.Index, 10)}, {"time", formatTime(e.Time)},
		{"operation", string(e.Operation)}, {"outcome", string(e.Outcome)}, {"reason", e.Reason},
		{"caller", e.Caller}, {"authentication", e.Authentication}, {"on_behalf_of", e.OnBehalfOf},
		{"basis", e.Basis}, {"special_category_condition", e.Condition}, {"policy", e.Policy}, {"purpose", e.Purpose}, {"reference", e.Reference}, {"checkpoint", e.Checkpoint},
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

// givenKey reads --key; nil if there is none.
func givenKey(text string) (*audit.VerifierKey, error) {
	if text == "" {
		return nil, nil
	}
	if path, isFile := strings.CutPrefix(text, "@"); isFile {
		raw, err := os.ReadFile(path) //nolint:gosec // the reviewer names the file
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		text, _, _ = strings.Cut(string(raw), "\n")
	}
	key, err := audit.ParseVerifierKey(text)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	return &key, nil
}

func keyCommand() *cobra.Command {
	var w where
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the ledger's verifier key",
		Long: `Print the ledger's verifier key as C2SP signed-note verifier keys, one for each log:
a checkpoint is signed under its log's name, by the same key for all. Any of the
lines serves for "piinguin audit verify --key". Keep them where the ledger's
operator cannot change them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, done, err := w.review(cmd.Context())
			if err != nil {
				return err
			}
			lines, err := verifierKeys(cmd.Context(), store)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(lines, "\n"))
			return err
		},
	}
	w.addLedger(cmd.Flags(), defaultStore, storeUsage)
	return cmd
}

func verifierKeys(ctx context.Context, store audit.Store) ([]string, error) {
	text, err := store.VerifierKey(ctx)
	if err != nil {
		return nil, err
	}
	key, err := audit.ParseVerifierKey(text)
	if err != nil {
		return nil, err
	}
	logs, err := store.Logs(ctx)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, log := range logs {
		lines = append(lines, key.Text(log))
	}
	return lines, nil
}
