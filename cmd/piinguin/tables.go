package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/server/dynamostore"
)

// tableWait is how long AWS may take to make a table.
const tableWait = 5 * time.Minute

func tablesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tables", Short: "Make the DynamoDB tables"}
	var w where
	create := &cobra.Command{
		Use:   "create",
		Short: "Make the tables of records and ledger, where they are missing",
		Long: `Make the DynamoDB tables of records and ledger with on-demand billing,
point-in-time recovery and deletion protection. What is there already is kept, and
gets what it lacks of the two, so it is safe to run again. A table of the original
Piinguin serves as it is. AWS settings come from the SDK's own chain: AWS_REGION,
AWS_PROFILE, AWS_ENDPOINT_URL_DYNAMODB and so on.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := dynamoClient(cmd.Context())
			if err != nil {
				return err
			}
			for _, schema := range []*dynamodb.CreateTableInput{dynamostore.Schema(w.table), dynamolog.Schema(w.auditTable)} {
				if err := ensureTable(cmd.Context(), cmd.OutOrStdout(), client, schema); err != nil {
					return fmt.Errorf("DynamoDB table %s: %w", *schema.TableName, err)
				}
			}
			return nil
		},
	}
	w.addTables(create.Flags())
	cmd.AddCommand(create)
	return cmd
}

// ensureTable makes a table as the schema says, or checks the one that is there.
func ensureTable(ctx context.Context, out io.Writer, client *dynamodb.Client, schema *dynamodb.CreateTableInput) error {
	schema.DeletionProtectionEnabled = aws.Bool(true)
	result := "made"
	_, err := client.CreateTable(ctx, schema)
	var exists *types.ResourceInUseException
	if errors.As(err, &exists) {
		result, err = "was there", nil
	}
	if err != nil {
		return awsFailure(err)
	}
	waiter := dynamodb.NewTableExistsWaiter(client)
	is, err := waiter.WaitForOutput(ctx, &dynamodb.DescribeTableInput{TableName: schema.TableName}, tableWait)
	if err != nil {
		return awsFailure(err)
	}
	if !slices.EqualFunc(is.Table.KeySchema, schema.KeySchema, sameKey) {
		return errors.New("it is there with another key: give other names with --table-name and --audit-table-name")
	}
	protection, err := protect(ctx, client, is.Table)
	if err != nil {
		return err
	}
	recovery, err := recoverable(ctx, client, schema.TableName)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "table %s %s; deletion protection %s; point-in-time recovery %s\n",
		*schema.TableName, result, protection, recovery)
	return err
}

func sameKey(a, b types.KeySchemaElement) bool {
	return aws.ToString(a.AttributeName) == aws.ToString(b.AttributeName) && a.KeyType == b.KeyType
}

const notSupported = "not supported by this endpoint"

func protect(ctx context.Context, client *dynamodb.Client, is *types.TableDescription) (string, error) {
	if aws.ToBool(is.DeletionProtectionEnabled) {
		return "on", nil
	}
	_, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: is.TableName, DeletionProtectionEnabled: aws.Bool(true),
	})
	return enabled(err)
}

func recoverable(ctx context.Context, client *dynamodb.Client, table *string) (string, error) {
	_, err := client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName:                        table,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	})
	return enabled(err)
}

// enabled tells an endpoint that does not know the operation, as DynamoDB Local,
// from one that failed.
func enabled(err error) (string, error) {
	var api smithy.APIError
	switch {
	case err == nil:
		return "on", nil
	case errors.As(err, &api) && api.ErrorCode() == "UnknownOperationException":
		return notSupported, nil
	}
	return "", awsFailure(err)
}

// awsFailure keeps of an SDK error what an operator needs: AWS's code and text for
// operations on tables, which know no item.
func awsFailure(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err
}
