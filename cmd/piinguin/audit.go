package main

import (
	"context"
	"encoding/json"
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
server. check needs nothing but a proof, the entry and the key.`,
	}
	cmd.AddCommand(listCommand(), showCommand(), proveCommand(), checkCommand(), verifyCommand(), exportCommand(), keyCommand())
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
		{"basis", e.Basis}, {"purpose", e.Purpose}, {"reference", e.Reference},
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

func verifyCommand() *cobra.Command {
	var w where
	var keyText string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that the ledger is what was written",
		Long: `Verify recomputes every leaf, root and signature from the stored rows and names
the first row of each log that is not what was written. It trusts neither the
server nor the index.

Give the ledger's verifier key as you know it with --key (a line of
"piinguin audit key", kept since the ledger began). Without it the key in the
ledger's own store is used, which proves less: who could rewrite everything could
have put another key there.

Exit codes: 0 whole, 1 a finding, 2 it could not be verified.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := givenKey(keyText)
			if err != nil {
				return err
			}
			store, done, err := w.review(cmd.Context())
			if err != nil {
				return err
			}
			report, err := audit.Verify(cmd.Context(), store, audit.VerifyOptions{Key: key})
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(wireReport(report))
			} else {
				err = printReport(cmd, report)
			}
			if err == nil && len(report.Findings) > 0 {
				err = errFinding
			}
			return err
		},
	}
	w.addLedger(cmd.Flags(), defaultStore, storeUsage)
	cmd.Flags().StringVar(&keyText, "key", "", "verifier `key` of the ledger, or @FILE that holds it")
	addJSON(cmd, &asJSON)
	return cmd
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

func printReport(cmd *cobra.Command, r audit.Report) error {
	rows := [][]string{{"LOG", "ENTRIES", "PAGES", "ROOT", "RESULT"}}
	for _, l := range r.Logs {
		result := "whole"
		if !l.Whole {
			result = "whole up to a finding"
		}
		rows = append(rows, []string{l.Log, strconv.FormatInt(l.Size, 10), strconv.FormatInt(l.Pages, 10), l.Root.String(), result})
	}
	if err := table(cmd.OutOrStdout(), rows); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if r.KeyFromStore {
		_, _ = fmt.Fprintf(out, "\nKey %s, from the ledger's own store.\nThat proves less than a key of your own: give it with --key.\n", r.Key)
	} else {
		_, _ = fmt.Fprintf(out, "\nKey %s, as given.\n", r.Key)
	}
	for _, f := range r.Findings {
		_, _ = fmt.Fprintf(out, "FINDING  %s: %s\n", f.Row, f.Problem)
	}
	verdict := "The ledger is whole."
	if len(r.Findings) > 0 {
		verdict = "The ledger is NOT what was written."
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}

// reportJSON is the report of verify --json.
type reportJSON struct {
	Whole        bool          `json:"whole"`
	Key          string        `json:"key"`
	KeyFromStore bool          `json:"key_from_store"`
	Logs         []logJSON     `json:"logs"`
	Findings     []findingJSON `json:"findings"`
}

type logJSON struct {
	Log        string `json:"log"`
	Entries    int64  `json:"entries"`
	Pages      int64  `json:"pages"`
	Root       string `json:"root"`
	Checkpoint string `json:"checkpoint"`
	Whole      bool   `json:"whole"`
}

type findingJSON struct {
	Row     string `json:"row"`
	Problem string `json:"problem"`
}

func wireReport(r audit.Report) reportJSON {
	w := reportJSON{
		Whole: len(r.Findings) == 0, Key: r.Key, KeyFromStore: r.KeyFromStore,
		Logs: []logJSON{}, Findings: []findingJSON{},
	}
	for _, l := range r.Logs {
		w.Logs = append(w.Logs, logJSON{l.Log, l.Size, l.Pages, l.Root.String(), l.Checkpoint, l.Whole})
	}
	for _, f := range r.Findings {
		w.Findings = append(w.Findings, findingJSON{f.Row, f.Problem})
	}
	return w
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
