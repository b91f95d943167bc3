package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// TableAPI is what making a table needs of a *dynamodb.Client.
type TableAPI interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	UpdateTable(context.Context, *dynamodb.UpdateTableInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTableOutput, error)
	DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error)
	UpdateContinuousBackups(context.Context, *dynamodb.UpdateContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateContinuousBackupsOutput, error)
}

// tableTime bounds the making of a table. AWS takes some ten seconds.
const tableTime = 5 * time.Minute

// EnsureTable makes a table, waits until it is active, and protects it:
// point-in-time recovery and deletion protection. It is safe to run again. A
// table that exists with the same key is protected and otherwise left as it is; one
// with another key is an error. The notes say what this engine does not support, as
// DynamoDB Local has no backups.
func EnsureTable(ctx context.Context, client TableAPI, want *dynamodb.CreateTableInput) (notes []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, tableTime)
	defer cancel()
	in := *want
	in.DeletionProtectionEnabled = aws.Bool(true)
	var exists *types.ResourceInUseException
	if _, err := client.CreateTable(ctx, &in); err != nil && !errors.As(err, &exists) {
		return nil, failure(ctx, "CreateTable", err)
	}
	table, err := waitActive(ctx, client, *in.TableName)
	if err != nil {
		return nil, err
	}
	if have, want := keyText(table.KeySchema, table.AttributeDefinitions), keyText(in.KeySchema, in.AttributeDefinitions); have != want {
		return nil, fmt.Errorf("dynamostore: table %s has the key %s, and must have %s", *in.TableName, have, want)
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
	if err != nil {
		return notes, failure(ctx, "UpdateTable", err)
	}
	return notes, nil
}

func waitActive(ctx context.Context, client TableAPI, table string) (*types.TableDescription, error) {
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 500*time.Millisecond, 5*time.Second
	})
	out, err := waiter.WaitForOutput(ctx, &dynamodb.DescribeTableInput{TableName: &table}, tableTime)
	if err != nil {
		return nil, failure(ctx, "DescribeTable", err)
	}
	return out.Table, nil
}

// keyText shows a key, e.g. "HASH modifiedValue S".
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

// ensureRecovery turns point-in-time recovery on where it is off. A new table
// refuses that for a while, until its backups are set up.
func ensureRecovery(ctx context.Context, client TableAPI, table string) (note string, err error) {
	out, err := client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &table})
	if isUnknownOperation(err) {
		return "point-in-time recovery of " + table + ": this engine does not support it", nil
	}
	if err != nil {
		return "", failure(ctx, "DescribeContinuousBackups", err)
	}
	if recovers(out.ContinuousBackupsDescription) {
		return "", nil
	}
	var notYet *types.ContinuousBackupsUnavailableException
	for attempt := 1; ; attempt++ {
		_, err := client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName:                        &table,
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
		})
		if err == nil {
			return "", nil
		}
		if !errors.As(err, &notYet) || ctx.Err() != nil {
			return "", failure(ctx, "UpdateContinuousBackups", err)
		}
		pause(ctx, attempt)
	}
}

func recovers(d *types.ContinuousBackupsDescription) bool {
	return d != nil && d.PointInTimeRecoveryDescription != nil &&
		d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
}

func isUnknownOperation(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "UnknownOperationException"
}
