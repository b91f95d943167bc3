package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/server/dynamostore"
)

func tablesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tables", Short: "Make the DynamoDB tables"}
	var w storeFlags
	create := &cobra.Command{
		Use:   "create",
		Short: "Make the tables of records and ledger if they are missing",
		Long: `Make the DynamoDB tables of records and ledger with on-demand billing,
point-in-time recovery and deletion protection. A table that exists is kept, and gets
recovery and protection if it lacks them, so it is safe to run this again. A table of
the original Piinguin works as it is. The AWS SDK's usual settings apply: AWS_REGION,
AWS_PROFILE, AWS_ENDPOINT_URL_DYNAMODB and so on.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.checkTables(); err != nil {
				return err
			}
			client, err := dynamoClient(cmd.Context())
			if err != nil {
				return err
			}
			for _, schema := range []*dynamodb.CreateTableInput{dynamostore.Schema(w.tableName()), dynamolog.Schema(w.auditTableName())} {
				notes, err := dynamotable.Ensure(cmd.Context(), client, schema)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "table %s is ready\n", *schema.TableName)
				for _, note := range notes {
					_, _ = fmt.Fprintf(cmd.OutOrStdout(), "  %s\n", note)
				}
			}
			return nil
		},
	}
	w.addTables(create.Flags())
	cmd.AddCommand(create)
	return cmd
}
