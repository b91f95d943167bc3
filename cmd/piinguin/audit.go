package main

import "github.com/spf13/cobra"

func auditCommand(env func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Review and verify the ledger",
		Long: `Review and verify the ledger.

list, summary, show and prove ask the server with an auditor's token; each list, summary
and show becomes an entry of the ledger. With --store they read the tables without a server.
verify, export and key always read the tables, because they must not trust a server.
check needs only a proof, the entry and the key. prune, hold, reindex and key rotate are for the
operator and need the signing key.`,
	}
	cmd.AddCommand(listCommand(env), summaryCommand(env), showCommand(), proveCommand(), checkCommand(), verifyCommand(), exportCommand(), keyCommand(), pruneCommand(), holdCommand(), reindexCommand())
	return cmd
}

const (
	storeOrServer = "read sqlite:`PATH` or dynamodb directly, without a server; only as a flag, PIINGUIN_STORE is ignored"
	storeUsage    = "where the ledger is stored: sqlite:`PATH` or dynamodb"
)
