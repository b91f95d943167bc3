package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	store      storeFlags
	key        string
	checkpoint string
	from       string
	noDerived  bool
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

--checkpoint names a file that was kept outside the ledger by "serve --anchor", "audit
export" or "audit prove --kept", or a folder of such files (*` + anchor.Suffix + `, in subfolders too). Each
must be of the ledger as it is now: one file binds the spine and every log. That catches
a tail that was cut off, a log that is gone and a history that was rewritten, even by
the key's holder.

--from names such a file of an earlier verification, or a folder, of which the newest
counts. Verify trusts everything up to it and reads only what came after. It then skips
rows outside the pages.

--no-derived skips the comparison of what is derived from the pages, such as tiles.

Exit codes: 0 whole, 1 a finding, 2 it could not be verified.`,
		Example: `  piinguin audit verify --store sqlite:piinguin.db --key @verifier.txt --checkpoint anchors
  piinguin audit verify --store dynamodb --from yesterday.kept --json`,
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
	flags.StringVar(&o.checkpoint, "checkpoint", "", "kept `file`, or folder of such files, that must still hold")
	flags.StringVar(&o.from, "from", "", "kept `file` that is trusted, or folder of such files, to begin at")
	flags.BoolVar(&o.noDerived, "no-derived", false, "do not compare what is derived from the pages")
	addJSON(cmd, &o.json)
	return cmd
}

// verify reads key and kept files before it opens the ledger: a missing file must not show up after
// hours of verifying.
func (o *verifyFlags) verify(cmd *cobra.Command) (audit.Report, error) {
	options := audit.VerifyOptions{NoDerived: o.noDerived}
	var err error
	if options.Key, options.Name, err = givenKey(o.key); err != nil {
		return audit.Report{}, err
	}
	if ledger, _, err := audit.ParseOrigin(options.Name); err == nil {
		options.Name = ledger // the key may be given under the name of one log
	}
	if options.Kept, err = keptFiles("--checkpoint", o.checkpoint); err != nil {
		return audit.Report{}, err
	}
	if options.From, err = newestKept("--from", o.from); err != nil {
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
		rows = append(rows, []string{l.Log.String(), strconv.FormatInt(l.Size, 10), strconv.FormatInt(l.Pages, 10), l.Root.String(), resultOf(l)})
	}
	if err := table(cmd.OutOrStdout(), rows); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	_, _ = fmt.Fprintf(out, "\nLedger %s\nCheckpoints in its spine: %d\n", printable.Text(r.Name), r.Checkpoints)
	if r.KeyFromStore {
		_, _ = fmt.Fprintf(out, "Key %s\nfrom the ledger's own store. That proves less than a key of your own: give it with --key.\n", printable.Text(r.Key))
	} else {
		_, _ = fmt.Fprintf(out, "Key %s\nas given.\n", printable.Text(r.Key))
	}
	if r.Kept > 0 {
		_, _ = fmt.Fprintf(out, "Kept checkpoints that it extends: %d\n", r.Kept)
	}
	if r.Lost > 0 {
		_, _ = fmt.Fprintf(out, "Kept checkpoints of what a ROLLBACK declares as lost: %d\n", r.Lost)
	}
	if r.Keys > 1 {
		_, _ = fmt.Fprintf(out, "Times that its key was rotated: %d\n", r.Keys-1)
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
	if l.Pruned > 0 {
		result += fmt.Sprintf(", %d entries pruned", l.Pruned)
	}
	if l.Leftovers > 0 {
		result += fmt.Sprintf(", %d pages before them are left over and prove nothing: prune again", l.Leftovers)
	}
	return result
}

// reportJSON is the report of verify --json.
type reportJSON struct {
	Whole        bool          `json:"whole"`
	Ledger       string        `json:"ledger"`
	Key          string        `json:"key"`
	KeyFromStore bool          `json:"key_from_store"`
	Keys         int           `json:"keys"`
	Checkpoints  int64         `json:"checkpoints"`
	Kept         int           `json:"kept_checkpoints"`
	Lost         int           `json:"lost_checkpoints"`
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
	Pruned     int64  `json:"pruned,omitempty"`
	Leftovers  int64  `json:"leftover_pages,omitempty"`
}

type findingJSON struct {
	Row     string `json:"row"`
	Problem string `json:"problem"`
}

// wireReport keeps lists that are empty as [], so that a program can count findings without a check for
// null.
func wireReport(r audit.Report) reportJSON {
	w := reportJSON{
		Whole: len(r.Findings) == 0, Ledger: r.Name, Key: r.Key, KeyFromStore: r.KeyFromStore,
		Keys: r.Keys, Checkpoints: r.Checkpoints, Kept: r.Kept, Lost: r.Lost,
		Logs: []logJSON{}, Findings: []findingJSON{},
	}
	for _, l := range r.Logs {
		w.Logs = append(w.Logs, logJSON{l.Log.String(), l.Size, l.Pages, l.Root.String(), l.Checkpoint, l.Whole, l.From, l.Pruned, l.Leftovers})
	}
	for _, f := range r.Findings {
		w.Findings = append(w.Findings, findingJSON{f.Row, f.Problem})
	}
	return w
}
