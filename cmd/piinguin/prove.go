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
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// maxProof is far above the size of a proof: it has at most 63 hashes.
const maxProof = 64 << 10

func proveCommand() *cobra.Command {
	var from ledgerFlags
	cmd := &cobra.Command{
		Use:   "prove LOG/INDEX",
		Short: "Prove that a log holds an entry",
		Long: `Print a proof that a log holds an entry: a C2SP tlog-proof with the inclusion path
and the log's signed checkpoint. With the proof, the entry's line (from "show --json")
and the verifier key (from "key"), anybody can check it without the ledger, with
"piinguin audit check" or any tlog-proof verifier.`,
		Example: `  piinguin audit prove piinguin-1/17 > proof
  piinguin audit show piinguin-1/17 --json > line
  piinguin audit check proof --key "$VERIFIER" --entry "$(cat line)"`,
		Args: cli.Args("LOG/INDEX"),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, index, err := parseEntryName(args[0])
			if err != nil {
				return err
			}
			ledger, done, err := from.open(cmd.Context())
			if err != nil {
				return err
			}
			proof, err := ledger.prove(cmd.Context(), log, index)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			_, err = printable.Raw(cmd.OutOrStdout()).Write(proof)
			return err
		},
	}
	from.addTo(cmd)
	return cmd
}

// parseEntryName splits LOG/INDEX, as list and show print it.
func parseEntryName(name string) (log string, index int64, err error) {
	log, number, ok := strings.Cut(name, "/")
	index, err = strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || log == "" || index < 0 {
		return "", 0, errors.New("the entry must be named LOG/INDEX, for example piinguin-1/17")
	}
	return log, index, nil
}

func (t tables) prove(ctx context.Context, log string, index int64) ([]byte, error) {
	proof, err := audit.ProveEntry(ctx, t.tree, log, index)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, errNoEntry
	}
	return proof, err
}

func (r remote) prove(ctx context.Context, log string, index int64) ([]byte, error) {
	out, err := r.ProveEntry(ctx, &piinguinv1.ProveEntryRequest{Log: log, Index: index})
	if err != nil {
		return nil, rpcFailure(err)
	}
	return []byte(out.GetProof()), nil
}

func checkCommand() *cobra.Command {
	var keyText, line string
	cmd := &cobra.Command{
		Use:   "check FILE|-",
		Short: "Check a proof, without the ledger",
		Long: `Check a proof of "piinguin audit prove" with nothing but the verifier key and the
entry's line. Exit codes: 0 it holds, 1 it does not, 2 it could not be checked.`,
		Example: `  piinguin audit check proof --key "$VERIFIER" --entry "$(cat line)"`,
		Args:    cli.Args("FILE|-"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keyText == "" || line == "" {
				return errors.New("--key and --entry are required")
			}
			key, err := givenKey(keyText)
			if err != nil {
				return err
			}
			proof, err := readProof(cmd.Context(), args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			err = audit.CheckProof(*key, proof, printable.Canonical([]byte(strings.TrimSuffix(line, "\n"))))
			if errors.Is(err, audit.ErrProof) {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), "The proof does NOT hold for this entry and this key.")
				return errFinding
			}
			if err != nil {
				return fmt.Errorf("--entry: %w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "The proof holds: the log has this entry.")
			return err
		},
	}
	cmd.Flags().StringVar(&keyText, "key", "", "verifier `key` of the ledger, or @FILE that holds it")
	cmd.Flags().StringVar(&line, "entry", "", "the entry's `line`, as show --json prints it")
	return cmd
}

// readProof bounds what it reads: the proof comes from whoever claims something.
func readProof(ctx context.Context, name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := cli.Open(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("proof: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	proof, err := io.ReadAll(io.LimitReader(cli.Interruptible(ctx, in), maxProof))
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	return proof, nil
}
