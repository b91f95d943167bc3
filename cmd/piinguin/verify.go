package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
)

// checkpointSuffix is what files of kept checkpoints end with, in a folder.
const checkpointSuffix = ".checkpoint"

// verifyFlags are the flags of verify.
type verifyFlags struct {
	store      storeFlags
	key        string
	checkpoint string
	from       string
	json       bool
}

func verifyCommand() *cobra.Command {
	var o verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that the ledger is what was written",
		Long: `Verify recomputes every leaf, root and signature from the stored rows, and names the
first row of each log that is not what was written. It trusts neither the server nor
the index.

Give your own copy of the ledger's verifier key with --key: a line of "piinguin audit
key", kept since the ledger began. Without it, verify uses the key in the ledger's own
store. That proves less, because whoever can rewrite all rows can also replace that key.

--checkpoint names a checkpoint that was kept outside the ledger by "serve --anchor",
"audit export" or by hand, or a folder of such files (*` + checkpointSuffix + `, in
subfolders too). Each must match a prefix of the ledger as it is now. That catches a
tail that was cut off and a history that was rewritten, even by the key's holder.

--from names a checkpoint of an earlier verification, or a folder, of which each log's
latest counts. Verify trusts everything up to it and reads only what came after. It
then skips rows outside the pages, such as those of the index.

Exit codes: 0 whole, 1 a finding, 2 it could not be verified.`,
		Example: `  piinguin audit verify --store sqlite:piinguin.db --key @verifier.txt --checkpoint anchors
  piinguin audit verify --store dynamodb --from yesterday.checkpoint --json`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := o.verify(cmd)
			if err != nil {
				return err
			}
			if o.json {
				err = encodeJSON(cmd.OutOrStdout(), wireReport(report))
			} else {
				err = printReport(cmd, report)
			}
			if err == nil && len(report.Findings) > 0 {
				err = errFinding
			}
			return err
		},
	}
	flags := cmd.Flags()
	o.store.addLedger(flags, defaultStore, storeUsage)
	flags.StringVar(&o.key, "key", "", "verifier `key` of the ledger, or @FILE that holds it")
	flags.StringVar(&o.checkpoint, "checkpoint", "", "`file` of a kept checkpoint, or folder of such files, that must still hold")
	flags.StringVar(&o.from, "from", "", "`file` of a trusted checkpoint, or folder of such files, to begin at")
	addJSON(cmd, &o.json)
	return cmd
}

// verify reads key and kept checkpoints before it opens the ledger: a missing file must not show up
// after hours of verifying.
func (o *verifyFlags) verify(cmd *cobra.Command) (audit.Report, error) {
	var options audit.VerifyOptions
	var err error
	if options.Key, err = givenKey(o.key); err != nil {
		return audit.Report{}, err
	}
	if options.Kept, err = readCheckpoints("--checkpoint", o.checkpoint); err != nil {
		return audit.Report{}, err
	}
	if options.From, err = readCheckpoints("--from", o.from); err != nil {
		return audit.Report{}, err
	}
	store, done, err := o.store.review(cmd.Context())
	if err != nil {
		return audit.Report{}, err
	}
	progress, finish := verifyProgress(cmd.ErrOrStderr())
	options.Progress = progress
	report, err := audit.Verify(cmd.Context(), store, options)
	finish()
	return report, errors.Join(err, done())
}

// readCheckpoints reads the file or the folder of a flag; nothing if it is not given.
func readCheckpoints(flag, path string) ([]audit.KeptCheckpoint, error) {
	if path == "" {
		return nil, nil
	}
	var kept []audit.KeptCheckpoint
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		isKept := filepath.Ext(name) == checkpointSuffix && !strings.HasPrefix(filepath.Base(name), ".")
		if err != nil || d.IsDir() || name != path && !isKept {
			return err
		}
		raw, err := os.ReadFile(name) //nolint:gosec // the reviewer names the files
		kept = append(kept, audit.KeptCheckpoint{Name: name, Note: raw})
		return err
	})
	if err == nil && len(kept) == 0 {
		err = fmt.Errorf("%s holds no *%s file", path, checkpointSuffix)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return kept, nil
}

// redraw is how often the progress bar is drawn, at most.
const redraw = 100 * time.Millisecond

// verifyProgress draws a bar on a terminal. It returns nil for no bar.
func verifyProgress(stderr io.Writer) (progress func(done, total int64), finish func()) {
	f, isFile := printable.Raw(stderr).(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription("verify"),
		progressbar.OptionSetItsString("entries"),
		progressbar.OptionShowIts(),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(redraw),
		progressbar.OptionSetSpinnerChangeInterval(0), // it would go on drawing over the report
	)
	return func(done, total int64) {
		bar.ChangeMax64(total)
		_ = bar.Set64(done)
	}, func() { _ = bar.Finish() }
}

// printReport names the key and where it came from in every report, because a verdict with the ledger's
// own key proves less. The verdict is the last line.
func printReport(cmd *cobra.Command, r audit.Report) error {
	rows := [][]string{{"LOG", "ENTRIES", "PAGES", "ROOT", "RESULT"}}
	for _, l := range r.Logs {
		rows = append(rows, []string{l.Log, strconv.FormatInt(l.Size, 10), strconv.FormatInt(l.Pages, 10), l.Root.String(), resultOf(l)})
	}
	if err := table(cmd.OutOrStdout(), rows); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if r.KeyFromStore {
		_, _ = fmt.Fprintf(out, "\nKey %s, from the ledger's own store.\nThat proves less than a key of your own: give it with --key.\n", printable.Text(r.Key))
	} else {
		_, _ = fmt.Fprintf(out, "\nKey %s, as given.\n", printable.Text(r.Key))
	}
	if r.Kept > 0 {
		_, _ = fmt.Fprintf(out, "%d kept checkpoints are of a prefix of it.\n", r.Kept)
	}
	for _, f := range r.Findings {
		_, _ = fmt.Fprintf(out, "FINDING  %s: %s\n", printable.Text(f.Row), printable.Text(f.Problem))
	}
	verdict := "The ledger is whole."
	if len(r.Findings) > 0 {
		verdict = "The ledger is NOT what was written."
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}

// resultOf says in words what was found of a log.
func resultOf(l audit.LogReport) string {
	result := "whole"
	if !l.Whole {
		result = "whole up to a finding"
	}
	if l.From > 0 {
		result += fmt.Sprintf(", trusted up to entry %d", l.From)
	}
	if l.Closed {
		result += ", closed"
	}
	if l.Pruned > 0 {
		result += fmt.Sprintf(", %d entries pruned", l.Pruned)
	}
	return result
}

// reportJSON is the report of verify --json.
type reportJSON struct {
	Whole        bool          `json:"whole"`
	Key          string        `json:"key"`
	KeyFromStore bool          `json:"key_from_store"`
	Kept         int           `json:"kept_checkpoints"`
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
	From       int64  `json:"from,omitempty"`
	Closed     bool   `json:"closed"`
	Pruned     int64  `json:"pruned,omitempty"`
}

type findingJSON struct {
	Row     string `json:"row"`
	Problem string `json:"problem"`
}

// wireReport keeps lists that are empty as [], so that a program can count findings without a check for
// null.
func wireReport(r audit.Report) reportJSON {
	w := reportJSON{
		Whole: len(r.Findings) == 0, Key: r.Key, KeyFromStore: r.KeyFromStore, Kept: r.Kept,
		Logs: []logJSON{}, Findings: []findingJSON{},
	}
	for _, l := range r.Logs {
		w.Logs = append(w.Logs, logJSON{l.Log, l.Size, l.Pages, l.Root.String(), l.Checkpoint, l.Whole, l.From, l.Closed, l.Pruned})
	}
	for _, f := range r.Findings {
		w.Findings = append(w.Findings, findingJSON{f.Row, f.Problem})
	}
	return w
}
