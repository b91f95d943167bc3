// Package dynamotable makes the DynamoDB tables of records and ledger, and looks whether they are
// there.
//
//	notes, err := dynamotable.Ensure(ctx, client, dynamolog.Schema("piinguin-audit"))
//
// It promises that a table it returned for is active, has the key that the schema asks for and
// is protected against deletion. It does not change the key or the billing of a table that was
// there before.
package dynamotable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/awsx"
)

// API is what making a table needs of a *dynamodb.Client.
type API interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	UpdateTable(context.Context, *dynamodb.UpdateTableInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTableOutput, error)
	DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error)
	UpdateContinuousBackups(context.Context, *dynamodb.UpdateContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateContinuousBackupsOutput, error)
}

// limit bounds the making of one table. AWS takes about ten seconds.
const limit = 5 * time.Minute

// ErrAbsent says that there is no such table, in this account and region.
var ErrAbsent = errors.New("there is no such table")

// Find returns nil once a table can be used. It calls waiting if the table is being made, and then
// waits for up to five minutes. It needs dynamodb:DescribeTable.
//
// The error is ErrAbsent, or says why AWS did not answer. It holds AWS's text, for whoever starts
// a server and has to grant a right.
func Find(ctx context.Context, client dynamodb.DescribeTableAPIClient, table string, waiting func()) error {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	told := awsx.TableFailure(ctx, "DescribeTable", err)
	var absent *types.ResourceNotFoundException
	switch {
	case errors.As(err, &absent):
		told = fmt.Errorf("%w: %w", told, ErrAbsent)
	case err == nil && out.Table.TableStatus == types.TableStatusCreating:
		waiting()
		_, told = waitActive(ctx, client, table)
	case err == nil && out.Table.TableStatus == types.TableStatusDeleting:
		told = errors.New("it is being deleted")
	}
	if told != nil {
		return fmt.Errorf("DynamoDB table %s: %w", table, told)
	}
	return nil
}

// Ensure makes a table, waits until it is active, and turns on point-in-time recovery and
// deletion protection. It is safe to run again. If the table was there, Ensure protects it and
// leaves it otherwise as it is; if its key is another, that is an error and nothing is changed.
// The notes say what the engine does not support: DynamoDB Local has no backups.
func Ensure(ctx context.Context, client API, want *dynamodb.CreateTableInput) (notes []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	in := *want
	in.DeletionProtectionEnabled = aws.Bool(true)
	var exists *types.ResourceInUseException
	if _, err := client.CreateTable(ctx, &in); err != nil && !errors.As(err, &exists) {
		return nil, awsx.Failure(ctx, "CreateTable", err)
	}
	table, err := waitActive(ctx, client, *in.TableName)
	if err != nil {
		return nil, err
	}
	if have, want := keyText(table.KeySchema, table.AttributeDefinitions), keyText(in.KeySchema, in.AttributeDefinitions); have != want {
		return nil, fmt.Errorf("table %s has the key %s, and must have %s", *in.TableName, have, want)
	}
	note, err := ensureRecovery(ctx, client, *in.TableName)
	if err != nil {
		return nil, err
	}
	if note != "" {
		notes = append(notes, note)
	}
	if aws.ToBool(table.DeletionProtectionEnabled) {
		return notes, nil
	}
	_, err = client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: in.TableName, DeletionProtectionEnabled: aws.Bool(true)})
	return notes, awsx.Failure(ctx, "UpdateTable", err)
}

func waitActive(ctx context.Context, client dynamodb.DescribeTableAPIClient, table string) (*types.TableDescription, error) {
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 500*time.Millisecond, 5*time.Second
	})
	out, err := waiter.WaitForOutput(ctx, &dynamodb.DescribeTableInput{TableName: &table}, limit)
	if err := awsx.Failure(ctx, "DescribeTable", err); err != nil {
		return nil, err
	}
	return out.Table, nil
}

// keyText shows a key, such as "HASH modifiedValue S".
func keyText(schema []types.KeySchemaElement, attributes []types.AttributeDefinition) string {
	text := ""
	for _, k := range schema {
		i := slices.IndexFunc(attributes, func(a types.AttributeDefinition) bool {
			return aws.ToString(a.AttributeName) == aws.ToString(k.AttributeName)
		})
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %s", k.KeyType, aws.ToString(k.AttributeName))
		if i >= 0 {
			text += " " + string(attributes[i].AttributeType)
		}
	}
	return text
}
