package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
)

func holdCommand() *cobra.Command {
	var store storeFlags
	var auditKey, reference string
	var release bool
	cmd := &cobra.Command{
		Use:   "hold --reference TEXT",
		Short: "Forbid pruning, or allow it again",
		Long: `Write a HOLD entry with a reference, such as a court's file number, into the spine. As
long as no RELEASE has the same reference, "audit prune" removes nothing of any log.
--release writes the RELEASE. The reference must not name a data subject: the spine is
never pruned.

It needs the ledger's signing key. On SQLite, stop the server first.`,
		Example: `  piinguin audit hold --store sqlite:piinguin.db --reference "7 O 123/26"
  piinguin audit hold --store sqlite:piinguin.db --reference "7 O 123/26" --release`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if reference == "" {
				return errors.New("--reference is required")
			}
			e := ownEntry("audit hold", reference)
			e.Operation = audit.Held
			if release {
				e.Operation = audit.Released
			}
			return withLedger(cmd.Context(), store, auditKey, func(_ audit.Store, l *audit.Ledger) error {
				r, err := l.Hold(cmd.Context(), e)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %q is entry %s/%d.\n", e.Operation, reference, r.Log, r.Index)
				return err
			})
		},
	}
	flags := cmd.Flags()
	store.addLedger(flags, defaultStore, storeUsage)
	addAuditKey(flags, &auditKey, "")
	flags.StringVar(&reference, "reference", "", "`text` that names the hold, such as a file number")
	flags.BoolVar(&release, "release", false, "end the hold of this reference")
	return cmd
}
