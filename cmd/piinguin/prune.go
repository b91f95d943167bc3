package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
)

// pruneFlags are the flags of prune.
type pruneFlags struct {
	store     storeFlags
	auditKey  string
	before    string
	months    int
	force     bool
	reference string
	json      bool
}

func pruneCommand() *cobra.Command {
	var o pruneFlags
	cmd := &cobra.Command{
		Use:   "prune --before DATE",
		Short: "Remove the entries that are older than a date",
		Long: `Prune removes the pages of every log that are older than DATE (UTC). What stays of a log
is its tree: "audit verify" still proves how many entries were removed and that no later
one was changed, and proofs and lines that were kept before still verify. The spine is
never pruned, and neither is a log's last page or a page of the last hour.

Prune verifies the ledger first, and removes nothing of one that is not whole. It writes
a PRUNE entry into the spine, which is durable before the first page is removed. While a
hold ("audit hold") is not released it removes nothing. If it was interrupted, run it
again.

It needs the ledger's signing key. On DynamoDB it needs the right to delete pages, which a
server should not have. On SQLite, stop the server first.

DATE must leave --retention-months of entries. --force-retention prunes younger ones.`,
		Example: `  piinguin audit prune --store sqlite:piinguin.db --before 2026-01-01 --reference "retention policy 7"`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			logs, err := o.prune(cmd.Context(), time.Now())
			if err != nil {
				return err
			}
			return o.print(cmd, logs)
		},
	}
	flags := cmd.Flags()
	o.store.addLedger(flags, defaultStore, storeUsage)
	addAuditKey(flags, &o.auditKey, "")
	flags.StringVar(&o.before, "before", "", "`date` such as 2026-01-31; only entries of earlier days are removed")
	flags.IntVar(&o.months, "retention-months", 12, "`months` of entries that must stay")
	flags.BoolVar(&o.force, "force-retention", false, "also prune entries younger than --retention-months")
	flags.StringVar(&o.reference, "reference", "", "`text` for the PRUNE entries, such as a policy or a ticket")
	addJSON(cmd, &o.json)
	return cmd
}

// date reads --before, and checks it against the retention.
func (o *pruneFlags) date(now time.Time) (time.Time, error) {
	if o.before == "" {
		return time.Time{}, errors.New("--before is required: a date as 2026-01-31")
	}
	before, err := time.Parse(time.DateOnly, o.before)
	if err != nil {
		return time.Time{}, errors.New("--before must be a date as 2026-01-31")
	}
	if o.months < 0 {
		return time.Time{}, errors.New("--retention-months must not be negative")
	}
	keep := now.UTC().AddDate(0, -o.months, 0)
	if before.After(keep) && !o.force {
		return time.Time{}, fmt.Errorf("--before is within the retention of %d months: the latest date is %s; --force-retention prunes younger entries",
			o.months, keep.Format(time.DateOnly))
	}
	return before, nil
}

func (o *pruneFlags) prune(ctx context.Context, now time.Time) (logs []audit.PrunedLog, err error) {
	before, err := o.date(now)
	if err != nil {
		return nil, err
	}
	err = withLedger(ctx, o.store, o.auditKey, func(store audit.Store, l *audit.Ledger) (err error) {
		logs, err = l.Prune(ctx, store, before, ownEntry("audit prune", o.reference))
		if errors.Is(err, audit.ErrHeld) {
			err = fmt.Errorf("%w; \"piinguin audit list --operation hold\" names the holds", err)
		}
		return err
	})
	return logs, err
}

// withLedger opens an existing ledger to write, for a command of the operator.
func withLedger(ctx context.Context, from storeFlags, auditKey string, do func(audit.Store, *audit.Ledger) error) error {
	return withStore(ctx, from, func(store audit.Store, name string) error {
		key, err := openKey(ctx, auditKey, store, name)
		if err != nil {
			return err
		}
		ledger, err := audit.Open(ctx, audit.Config{Store: store, Key: key})
		if err != nil {
			return err
		}
		return errors.Join(do(store, ledger), ledger.Close(ctx))
	})
}

// withStore opens the store of an existing ledger to write.
func withStore(ctx context.Context, from storeFlags, do func(store audit.Store, name string) error) (err error) {
	store, done, err := from.writeLedger(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	name, err := audit.Name(ctx, store)
	if err != nil {
		return fmt.Errorf("there is no ledger here: %w", err)
	}
	return do(store, name)
}

// ownEntry holds what entries of such a command say about who did it: someone with the signing key. The
// user's name is a claim, as the operating system makes it.
func ownEntry(command, reference string) audit.Entry {
	e := audit.Entry{Caller: command, Authentication: "signing key", Reference: reference, RequestID: rand.Text()}
	if u, err := user.Current(); err == nil {
		e.OnBehalfOf = u.Username
	}
	return e
}

// print says for each log what was removed and what was kept, as the operator's record of the run.
func (o *pruneFlags) print(cmd *cobra.Command, logs []audit.PrunedLog) error {
	if o.json {
		return encodeJSON(cmd.OutOrStdout(), wirePruned(logs))
	}
	rows := [][]string{{"LOG", "PRUNED", "UNTIL"}}
	for _, l := range logs {
		until := "nothing older"
		if l.Entries > 0 {
			until = formatTime(l.Until)
		}
		rows = append(rows, []string{l.Log.String(), strconv.FormatInt(l.Entries, 10), until})
	}
	return table(cmd.OutOrStdout(), rows)
}

// prunedJSON is a log in the output of prune --json.
type prunedJSON struct {
	Log    string `json:"log"`
	Pruned int64  `json:"pruned"`
	Until  string `json:"until,omitempty"`
}

// wirePruned makes the output of prune --json.
func wirePruned(logs []audit.PrunedLog) []prunedJSON {
	wire := []prunedJSON{}
	for _, l := range logs {
		p := prunedJSON{Log: l.Log.String(), Pruned: l.Entries}
		if l.Entries > 0 {
			p.Until = formatTime(l.Until)
		}
		wire = append(wire, p)
	}
	return wire
}
