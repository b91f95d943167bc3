package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/internal/durable"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// maxProof is far above the size of a proof: it has at most 63 hashes.
const maxProof = 64 << 10

func proveCommand() *cobra.Command {
	var from ledgerFlags
	var keptFile string
	cmd := &cobra.Command{
		Use:   "prove LOG/INDEX",
		Short: "Prove that a log holds an entry",
		Long: `Print a proof that a log holds an entry: a C2SP tlog-proof with the inclusion path
and the log's signed checkpoint. With the proof, the entry's line (from "show --json")
and the verifier key (from "key"), anybody can check it without the ledger, with
"piinguin audit check" or any tlog-proof verifier.

--kept also writes the spine's newest CHECKPOINT with a tlog-proof of its own. It lists
the tree of the first proof, so whoever knows it from elsewhere (serve --anchor) knows
that the proof is of the one ledger there is. An entry of the last minute may not be in
the spine yet; prove then says so.`,
		Example: `  piinguin audit prove 1/17 --kept spine.kept > proof
  piinguin audit show 1/17 --json > line
  piinguin audit check proof --key "$VERIFIER" --entry "$(cat line)" --kept spine.kept`,
		Args: cli.Args("LOG/INDEX"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := parsePlace(args[0])
			if err != nil {
				return err
			}
			ledger, done, err := from.open(cmd.Context())
			if err != nil {
				return err
			}
			proof, kept, err := ledger.prove(cmd.Context(), at)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			if keptFile != "" {
				if err := writeKept(keptFile, kept); err != nil {
					return err
				}
			}
			_, err = printable.Raw(cmd.OutOrStdout()).Write(proof)
			return err
		},
	}
	from.addTo(cmd)
	cmd.Flags().StringVar(&keptFile, "kept", "", "`file` to write what binds the proof to the whole ledger to")
	return cmd
}

func writeKept(path string, kept []byte) error {
	if kept == nil {
		return errors.New("the entry is not in the spine yet: try again in a minute, or leave out --kept")
	}
	if err := durable.Replace(path, 0o644, durable.Bytes(kept)); err != nil {
		return fmt.Errorf("--kept: %w", err)
	}
	return nil
}

// parsePlace reads LOG/INDEX, as list and show print it.
func parsePlace(name string) (audit.Place, error) {
	at, err := audit.ParsePlace(name)
	if err != nil {
		return at, errors.New("the entry must be named LOG/INDEX, for example 1/17 or spine/3")
	}
	return at, nil
}

func (t tables) prove(ctx context.Context, at audit.Place) (proof, kept []byte, err error) {
	proof, kept, err = audit.ProveListed(ctx, t.reader, at.Log, at.Index)
	if errors.Is(err, audit.ErrNotListed) {
		proof, err = audit.ProveEntry(ctx, t.reader, at.Log, at.Index)
	}
	if errors.Is(err, audit.ErrNotFound) {
		return nil, nil, errNoEntry
	}
	return proof, kept, err
}

func (r remote) prove(ctx context.Context, at audit.Place) (proof, kept []byte, err error) {
	out, err := r.ProveEntry(ctx, &piinguinv1.ProveEntryRequest{Log: at.Log.String(), Index: at.Index})
	if err != nil {
		return nil, nil, rpcFailure(err)
	}
	if out.GetKept() != "" {
		kept = []byte(out.GetKept())
	}
	return []byte(out.GetProof()), kept, nil
}

func checkCommand() *cobra.Command {
	var keyText, line, keptFile string
	cmd := &cobra.Command{
		Use:   "check FILE|-",
		Short: "Check a proof, without the ledger",
		Long: `Check a proof of "piinguin audit prove" with nothing but the verifier key and the
entry's line. With --kept it also checks that the spine lists the proof's tree. Exit
codes: 0 it holds, 1 it does not, 2 it could not be checked.`,
		Example: `  piinguin audit check proof --key "$VERIFIER" --entry "$(cat line)"`,
		Args:    cli.Args("FILE|-"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keyText == "" || line == "" {
				return errors.New("--key and --entry are required")
			}
			key, _, err := givenKey(keyText)
			if err != nil {
				return err
			}
			proof, err := readProof(cmd.Context(), args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			canonical := printable.Canonical([]byte(strings.TrimSuffix(line, "\n")))
			err = audit.CheckProof(*key, proof, canonical)
			var listed audit.Entry
			out := cmd.OutOrStdout()
			if errors.Is(err, audit.ErrProof) {
				_, _ = fmt.Fprintln(out, "The proof does NOT hold for this entry and this key.\nAfter a rotation the key is the one that the KEY entry before the proof names.")
				return errFinding
			}
			if err != nil {
				return fmt.Errorf("--entry: %w", err)
			}
			if keptFile != "" {
				if listed, err = checkKept(*key, proof, canonical, keptFile); errors.Is(err, audit.ErrProof) {
					_, _ = fmt.Fprintf(out, "The proof holds, but %s does not list its tree under this key.\n", keptFile)
					return errFinding
				}
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(out, "The spine of %s lists this tree, in entry %s of %s.\n", listed.Ledger, listed.Place(), formatTime(listed.Time))
			}
			_, err = fmt.Fprintln(out, "The proof holds: the log has this entry.")
			return err
		},
	}
	cmd.Flags().StringVar(&keyText, "key", "", "verifier `key` of the ledger, or @FILE that holds it")
	cmd.Flags().StringVar(&line, "entry", "", "the entry's `line`, as show --json prints it")
	cmd.Flags().StringVar(&keptFile, "kept", "", "`file` of prove --kept or of serve --anchor that must list the proof's tree")
	return cmd
}

func checkKept(key audit.VerifierKey, proof, line []byte, path string) (audit.Entry, error) {
	data, err := readKept(path)
	if err != nil {
		return audit.Entry{}, fmt.Errorf("--kept: %w", err)
	}
	listed, err := audit.CheckListed(key, proof, line, audit.KeptFile{Name: path, Data: data})
	if errors.Is(err, audit.ErrKept) {
		return listed, fmt.Errorf("--kept: %w", err)
	}
	return listed, err
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
