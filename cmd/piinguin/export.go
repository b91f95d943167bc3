package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/internal/durable"
)

// toStdout is the --out that writes lines to the standard output.
const toStdout = "-"

// exportFlags are the flags of export.
type exportFlags struct {
	store storeFlags
	log   string
	from  int64
	out   string
}

func exportCommand() *cobra.Command {
	var o exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the ledger's lines and signed checkpoints to files",
		Long: `Write the lines of each log's entries, in order, to DIR/LOG.jsonl, and the signed
checkpoint over exactly these entries to DIR/LOG.checkpoint. LOG is spine, or the number
of a log. DIR/ledger.kept binds them all: it is the spine's newest CHECKPOINT with its
proof. The files and the verifier key are enough to verify the ledger without Piinguin:
docs/audit-format.md describes how, and docs/verify/verify.py does it.

Export verifies every row with the key that the ledger's store keeps. If a row is not
what was written, export names it and writes nothing of its log.

--from leaves out the entries before an index, which an earlier export has. The earlier
lines followed by the new ones are what the new checkpoint signs. With --out - the
lines of one log go to standard output and its checkpoint to standard error.`,
		Example: `  piinguin audit export --store sqlite:piinguin.db --out export
  piinguin audit export --store sqlite:piinguin.db --log 1 --out - 2>1.checkpoint | gzip >1.jsonl.gz`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.from < 0 {
				return errors.New("--from must not be negative")
			}
			store, done, err := o.store.review(cmd.Context())
			if err != nil {
				return err
			}
			err = o.export(cmd.Context(), store, cmd.OutOrStdout(), cmd.ErrOrStderr())
			return errors.Join(err, done())
		},
	}
	flags := cmd.Flags()
	o.store.addLedger(flags, defaultStore, storeUsage)
	flags.StringVar(&o.log, "log", "", "only this `log`")
	flags.Int64Var(&o.from, "from", 0, "begin with the entry of this `index`; for one log only")
	flags.StringVar(&o.out, "out", ".", "`folder` to write to, or - for standard output")
	return cmd
}

// exported is the ledger that is exported.
type exported struct {
	audit.Reader
	name string
	key  audit.VerifierKey
}

// keptName is the name of the file that binds what was exported.
const keptName = "ledger" + anchor.Suffix

func (o *exportFlags) export(ctx context.Context, store audit.Reader, stdout, stderr io.Writer) error {
	logs, err := o.logs(ctx, store)
	if err != nil {
		return err
	}
	l := exported{Reader: store}
	if l.name, l.key, err = storedKey(ctx, store); err != nil {
		return err
	}
	if o.out == toStdout {
		return o.print(ctx, l, logs[0], printable.Raw(stdout), printable.Raw(stderr))
	}
	if err := durable.MkdirAll(o.out, 0o700); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	kept, _, err := audit.Keep(ctx, store) // first, so that the logs hold all that it lists
	if err != nil && !errors.Is(err, audit.ErrNotFound) {
		return err
	}
	rows := [][]string{{"LOG", "ENTRIES", "LINES", "CHECKPOINT"}}
	for _, log := range logs {
		row, err := o.save(ctx, l, log)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if kept != nil {
		path := filepath.Join(o.out, keptName)
		if err := durable.Replace(path, 0o600, durable.Bytes(kept)); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		rows = append(rows, []string{"all", "", "", path})
	}
	return table(stdout, rows)
}

// logs returns the logs to export, at least one.
func (o *exportFlags) logs(ctx context.Context, store audit.Reader) ([]audit.LogID, error) {
	logs, err := audit.Logs(ctx, store)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, errNoLedger
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, log := range logs {
		if log.String() == o.log {
			return []audit.LogID{log}, nil
		}
		names = append(names, log.String())
	}
	switch {
	case o.log != "":
		return nil, fmt.Errorf("--log: there is no such log; there is: %s", strings.Join(names, ", "))
	case o.from > 0 || o.out == toStdout:
		return nil, fmt.Errorf("--from and --out - are for one log: name it with --log, one of %s", strings.Join(names, ", "))
	}
	return logs, nil
}

// save writes a log's two files, and returns its row of the summary. If the first entries of the log
// were pruned, it writes the checkpoint only.
func (o *exportFlags) save(ctx context.Context, l exported, log audit.LogID) ([]string, error) {
	lines, checkpoint := filepath.Join(o.out, log.String()+".jsonl"), filepath.Join(o.out, log.String()+".checkpoint")
	var whole audit.LogReport
	err := durable.Replace(lines, 0o600, func(f *os.File) (err error) {
		whole, err = o.exportLog(ctx, l, log, f)
		return err
	})
	count := strconv.FormatInt(whole.Size-o.from, 10)
	if errors.Is(err, audit.ErrPruned) {
		count, lines, err = "0", fmt.Sprintf("pruned; the first entry left is %d: --from", whole.Pruned), nil
	}
	if err != nil {
		return nil, err
	}
	if err := durable.Replace(checkpoint, 0o600, durable.Bytes([]byte(whole.Checkpoint))); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return []string{log.String(), count, lines, checkpoint}, nil
}

// print writes a log's lines to stdout and its checkpoint to stderr. The lines wait in a file until
// the whole log is verified: a printed line cannot be taken back.
func (o *exportFlags) print(ctx context.Context, l exported, log audit.LogID, stdout, stderr io.Writer) (err error) {
	f, err := os.CreateTemp("", "piinguin-export-*")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	whole, err := o.exportLog(ctx, l, log, f)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if _, err := io.Copy(stdout, f); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	_, err = io.WriteString(stderr, whole.Checkpoint)
	return err
}

// exportLog writes a log's lines to w, and returns the verified log with the checkpoint over them.
func (o *exportFlags) exportLog(ctx context.Context, l exported, log audit.LogID, w io.Writer) (audit.LogReport, error) {
	whole, err := audit.Export(ctx, l, l.name, l.key, log, o.from, w)
	var row *audit.RowError
	switch {
	case errors.As(err, &row):
		err = fmt.Errorf("not exported, as %w", row)
	case errors.Is(err, audit.ErrNotFound):
		err = fmt.Errorf("--from: log %s has %d entries", log, whole.Size)
	}
	return whole, err
}
