package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
)

// givenKey reads --key: the key itself, or @FILE, whose first line is it. Without --key it is nil.
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
	var w storeFlags
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the ledger's verifier key",
		Long: `Print the ledger's verifier key in the form of C2SP signed-note verifier keys, a line
for each log. All logs are signed with the same key, but under their own names. Any of
the lines works as "piinguin audit verify --key". Keep them where the ledger's operator
cannot change them.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, done, err := w.review(cmd.Context())
			if err != nil {
				return err
			}
			lines, err := verifierKeys(cmd.Context(), store)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			for _, line := range lines {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), printable.Text(line))
			}
			return nil
		},
	}
	w.addLedger(cmd.Flags(), defaultStore, storeUsage)
	return cmd
}

// keyed is what the commands need of a ledger that print its key or use it.
type keyed interface {
	Logs(ctx context.Context) ([]string, error)
	VerifierKey(ctx context.Context) (string, error)
}

// storedKey returns the verifier key that the ledger's own store holds.
func storedKey(ctx context.Context, store keyed) (audit.VerifierKey, error) {
	text, err := store.VerifierKey(ctx)
	if err != nil {
		return audit.VerifierKey{}, fmt.Errorf("read the ledger's verifier key: %w", err)
	}
	key, err := audit.ParseVerifierKey(text)
	if err != nil {
		return audit.VerifierKey{}, fmt.Errorf("the ledger's verifier key: %w", err)
	}
	return key, nil
}

// verifierKeys writes the ledger's key once for each log, because a C2SP verifier key holds the name
// that a checkpoint is signed under.
func verifierKeys(ctx context.Context, store keyed) ([]string, error) {
	key, err := storedKey(ctx, store)
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
