package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
)

// givenKey reads --key: the key itself, or @FILE, whose first line is it. It returns the ledger's name in
// it as well. Without --key it is nil.
func givenKey(text string) (*audit.VerifierKey, string, error) {
	if text == "" {
		return nil, "", nil
	}
	if path, isFile := strings.CutPrefix(text, "@"); isFile {
		raw, err := os.ReadFile(path) //nolint:gosec // the reviewer names the file
		if err != nil {
			return nil, "", fmt.Errorf("--key: %w", err)
		}
		text, _, _ = strings.Cut(string(raw), "\n")
	}
	key, err := audit.ParseVerifierKey(text)
	if err != nil {
		return nil, "", fmt.Errorf("--key: %w", err)
	}
	return &key, audit.KeyName(text), nil
}

func keyCommand() *cobra.Command {
	var w storeFlags
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the ledger's verifier key",
		Long: `Print the ledger's first verifier key in the form of C2SP signed-note verifier keys, a
line for the ledger's name and one for each log. All logs are signed with the same key,
but under their own names. The first line is for "piinguin audit verify --key", which
follows the key's rotations from there. Keep it where the ledger's operator cannot
change it.`,
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
			_, err = io.WriteString(cmd.OutOrStdout(), strings.Join(lines, "\n")+"\n") // a key that was cut is no key
			return err
		},
	}
	w.addLedger(cmd.Flags(), defaultStore, storeUsage)
	cmd.AddCommand(rotateCommand())
	return cmd
}

// storedKey returns the ledger's name and the verifier key that its own store holds.
func storedKey(ctx context.Context, store audit.Reader) (name string, key audit.VerifierKey, err error) {
	text, err := store.VerifierKey(ctx)
	if err != nil {
		return "", key, fmt.Errorf("read the ledger's verifier key: %w", err)
	}
	key, err = audit.ParseVerifierKey(text)
	if err != nil {
		return "", key, fmt.Errorf("the ledger's verifier key: %w", err)
	}
	return audit.KeyName(text), key, nil
}

// verifierKeys writes the ledger's key once for each log, because a C2SP verifier key holds the name
// that a checkpoint is signed under.
func verifierKeys(ctx context.Context, store audit.Reader) ([]string, error) {
	name, key, err := storedKey(ctx, store)
	if err != nil {
		return nil, err
	}
	logs, err := audit.Logs(ctx, store)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, log := range logs {
		lines = append(lines, printable.Text(key.Text(audit.Origin(name, log))))
	}
	return lines, nil
}

func rotateCommand() *cobra.Command {
	var w storeFlags
	var old, next string
	cmd := &cobra.Command{
		Use:   "rotate --next-key FILE",
		Short: "Go on under another signing key",
		Long: `Write a KEY entry into the spine and into every log, on pages that the old and the next
key both sign. Whoever knows the ledger's first verifier key follows from there. A server
that has the old key writes nothing more and says so: start it again with --audit-key
FILE. On SQLite, stop the server first.

FILE is made, with mode 0600, if it does not exist. A key that the ledger had before is
refused. If rotate was interrupted, run it again with the same files.`,
		Example: `  piinguin audit key rotate --store sqlite:piinguin.db --audit-key old.key --next-key new.key`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if next == "" {
				return errors.New("--next-key is required")
			}
			return withStore(cmd.Context(), w, func(store audit.Store, name string) error {
				return rotate(cmd.Context(), store, name, old, next, cmd.OutOrStdout())
			})
		},
	}
	w.addLedger(cmd.Flags(), defaultStore, storeUsage)
	addAuditKey(cmd.Flags(), &old, ", which signed until now")
	cmd.Flags().StringVar(&next, "next-key", "", "`file` of the key that signs from now on")
	return cmd
}

func rotate(ctx context.Context, store audit.Store, name, oldFile, nextFile string, out io.Writer) error {
	old, err := readKey(oldFile, "--audit-key")
	if err != nil {
		return err
	}
	next, err := readKey(nextFile, "--next-key")
	if errors.Is(err, fs.ErrNotExist) {
		next, err = makeKey(nextFile, name)
	}
	if err != nil {
		return err
	}
	if err := audit.Rotate(ctx, store, old, next, time.Now); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "The ledger %s goes on under the key of %s. Its verifier key is\n%s\n", name, nextFile, next.Verifier().Text(name))
	return err
}
