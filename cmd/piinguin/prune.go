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
		Short: "Remove the entries of closed logs that are older than a date",
		Long: `Prune removes the lines of every closed log whose last entry is older than DATE (UTC).
The first entry of a later month closes a log. Every hash and signed checkpoint stays,
and so do the ledger's own OPEN, CLOSE and PRUNE entries. So "audit verify" still proves
that the removed entries existed and that no other entry was changed. Only the content
of the removed entries is gone.

Prune verifies each log first and skips a log that is not whole. It writes a PRUNE entry,
which is durable before the first line is removed.

It needs the ledger's signing key. On DynamoDB it needs the permissions to replace and
delete rows of the audit table, which a server does not have. On SQLite, stop the server
first.

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
	store, done, err := o.store.writeLedger(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if _, err := store.VerifierKey(ctx); err != nil {
		return nil, fmt.Errorf("there is no ledger here: %w", err)
	}
	key, err := openKey(ctx, o.auditKey, store)
	if err != nil {
		return nil, err
	}
	ledger, err := audit.Open(ctx, audit.Config{Store: store, Key: key})
	if err != nil {
		return nil, err
	}
	logs, err = ledger.Prune(ctx, store, before, o.entry())
	return logs, errors.Join(err, ledger.Close(ctx))
}

// entry holds what the PRUNE entries say about who pruned: someone with the signing key. The user's
// name is a claim, as the operating system makes it.
func (o *pruneFlags) entry() audit.Entry {
	e := audit.Entry{Caller: "audit prune", Authentication: "signing key", Reference: o.reference, RequestID: rand.Text()}
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
	rows := [][]string{{"LOG", "PRUNED", ""}}
	for _, l := range logs {
		rows = append(rows, []string{l.Log, strconv.FormatInt(l.Entries, 10), l.Kept})
	}
	return table(cmd.OutOrStdout(), rows)
}

// prunedJSON is a log in the output of prune --json.
type prunedJSON struct {
	Log    string `json:"log"`
	Pruned int64  `json:"pruned"`
	Kept   string `json:"kept,omitempty"`
}

// wirePruned makes the output of prune --json.
func wirePruned(logs []audit.PrunedLog) []prunedJSON {
	wire := []prunedJSON{}
	for _, l := range logs {
		wire = append(wire, prunedJSON{l.Log, l.Entries, l.Kept})
	}
	return wire
}
