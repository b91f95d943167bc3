package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
)

func reindexCommand() *cobra.Command {
	var store storeFlags
	var auditKey string
	cmd := &cobra.Command{
		Use:   "reindex",
		Short: "Derive the index and the tiles from the entries again",
		Long: `Reindex derives everything that follows from the ledger's entries again: the index that
list and summary ask, and the tiles that proofs are made from. It replaces what is stored
of them, and removes what does not follow from the entries. It changes no entry.

A server does this by itself, behind its commits. Run reindex if "piinguin audit verify"
names a blob that is missing or not what was written, or if a question is answered that
the ledger is not whole because of one.

It needs the ledger's signing key. On DynamoDB it needs the rights of prune. On SQLite,
stop the server first.`,
		Example: `  piinguin audit reindex --store sqlite:piinguin.db`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows := [][]string{{"LOG", "ENTRIES"}}
			err := withStore(cmd.Context(), store, func(s audit.Store, name string) error {
				key, err := openKey(cmd.Context(), auditKey, s, name)
				if err != nil {
					return err
				}
				return audit.Reindex(cmd.Context(), s, key, func(log audit.LogID, entries int64) {
					rows = append(rows, []string{log.String(), strconv.FormatInt(entries, 10)})
				})
			})
			if err != nil {
				return toVerify(err)
			}
			if err := table(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.ErrOrStderr(), "All is derived again.")
			return err
		},
	}
	store.addLedger(cmd.Flags(), defaultStore, storeUsage)
	addAuditKey(cmd.Flags(), &auditKey, "")
	return cmd
}
