package dynamotable_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

const canary = "CANARY"

func schema(table string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("modifiedValue"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("modifiedValue"), KeyType: types.KeyTypeHash}},
	}
}

func describe(t *testing.T, table string) *types.TableDescription {
	t.Helper()
	out, err := dynamotest.Client(t).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	return out.Table
}

// TestEnsure runs twice on DynamoDB Local, which has no backups and says so.
func TestEnsure(t *testing.T) {
	table, client := dynamotest.Table(t, "records"), dynamotest.Client(t)
	for range 2 {
		notes, err := dynamotable.Ensure(t.Context(), client, schema(table))
		if err != nil {
			t.Fatal(err)
		}
		if len(notes) != 1 || !strings.Contains(notes[0], "point-in-time recovery") {
			t.Errorf("notes %q, want one on point-in-time recovery", notes)
		}
		got := describe(t, table)
		if got.BillingModeSummary == nil || got.BillingModeSummary.BillingMode != types.BillingModePayPerRequest || !aws.ToBool(got.DeletionProtectionEnabled) {
			t.Errorf("billing %v, deletion protection %v; want on demand, and protected", got.BillingModeSummary, aws.ToBool(got.DeletionProtectionEnabled))
		}
		_, err = client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(false)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnsureRefusesAnotherKey(t *testing.T) {
	table, client := dynamotest.Table(t, "records"), dynamotest.Client(t)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("modifiedValue"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("n"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("modifiedValue"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("n"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = dynamotable.Ensure(t.Context(), client, schema(table))
	const want = "has the key HASH modifiedValue S, RANGE n N, and must have HASH modifiedValue S"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Ensure over a table with another key: %v, want %q", err, want)
	}
	if aws.ToBool(describe(t, table).DeletionProtectionEnabled) {
		t.Error("a table that is not ours was changed")
	}
}

func TestEnsureFails(t *testing.T) {
	for _, op := range []string{"CreateTable", "DescribeTable", "DescribeContinuousBackups"} {
		client := dynamotest.FaultyClient(t, func(o string, _ int) dynamotest.Fault {
			if o == op {
				return dynamotest.Fault{Status: 400, Code: "AccessDeniedException", Message: canary}
			}
			return dynamotest.Fault{}
		})
		_, err := dynamotable.Ensure(t.Context(), client, schema(dynamotest.Table(t, "records")))
		if err == nil || err.Error() != op+": AccessDeniedException" {
			t.Errorf("Ensure: %v, want the operation %s and its code", err, op)
		}
	}
}

// backups adds to DynamoDB Local the backups of AWS, which are not there at first.
type backups struct {
	*dynamodb.Client
	status  types.PointInTimeRecoveryStatus
	notYet  int // how many updates are refused before one is done
	updates int
}

func (b *backups) DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &types.ContinuousBackupsDescription{
		PointInTimeRecoveryDescription: &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: b.status},
	}}, nil
}

func (b *backups) UpdateContinuousBackups(_ context.Context, in *dynamodb.UpdateContinuousBackupsInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	if b.updates++; b.updates <= b.notYet {
		return nil, &types.ContinuousBackupsUnavailableException{}
	}
	if aws.ToBool(in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled) {
		b.status = types.PointInTimeRecoveryStatusEnabled
	}
	return &dynamodb.UpdateContinuousBackupsOutput{}, nil
}

func TestEnsureTurnsRecoveryOn(t *testing.T) {
	client := &backups{Client: dynamotest.Client(t), status: types.PointInTimeRecoveryStatusDisabled, notYet: 2}
	table := dynamotest.Table(t, "records")
	for range 2 {
		notes, err := dynamotable.Ensure(t.Context(), client, schema(table))
		if err != nil || len(notes) != 0 {
			t.Fatalf("Ensure: %q, %v", notes, err)
		}
		if client.status != types.PointInTimeRecoveryStatusEnabled || client.updates != 3 {
			t.Errorf("recovery %s after %d requests, want it enabled after 3, once", client.status, client.updates)
		}
	}
}

func TestEnsureLeavesWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dynamotable.Ensure(ctx, dynamotest.Client(t), schema(dynamotest.Table(t, "records"))); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("Ensure with a canceled context: %v", err)
	}
}

// TestFind tells an operator what AWS says of a table, in one line.
func TestFind(t *testing.T) {
	table := dynamotest.Table(t, "records")
	err := dynamotable.Find(t.Context(), dynamotest.Client(t), table, noWait(t))
	if want := "DynamoDB table " + table + ": DescribeTable: ResourceNotFoundException: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Find before the table is made: %v, want %s...", err, want)
	}
	if _, err := dynamotable.Ensure(t.Context(), dynamotest.Client(t), schema(table)); err != nil {
		t.Fatal(err)
	}
	if err := dynamotable.Find(t.Context(), dynamotest.Client(t), table, noWait(t)); err != nil {
		t.Errorf("Find: %v", err)
	}
	refused := dynamotest.FaultyClient(t, func(string, int) dynamotest.Fault {
		return dynamotest.Fault{Status: 400, Code: "AccessDeniedException", Message: "role/a lacks\na right\x1b"}
	})
	err = dynamotable.Find(t.Context(), refused, table, noWait(t))
	if want := "DynamoDB table " + table + ": DescribeTable: AccessDeniedException: role/a lacks?a right?"; err == nil || err.Error() != want {
		t.Errorf("Find: %v, want %s", err, want)
	}
}

func noWait(t *testing.T) func() {
	return func() { t.Helper(); t.Error("Find waits for a table that is not being made") }
}

// beingMade is a client whose answers have a status first, as AWS has for some seconds after CreateTable.
type beingMade struct {
	*dynamodb.Client
	status types.TableStatus
	times  int
}

func (b *beingMade) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, o ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	out, err := b.Client.DescribeTable(ctx, in, o...)
	if err == nil && b.times > 0 {
		b.times--
		out.Table.TableStatus = b.status
	}
	return out, err
}

// TestFindWaits for a table that is being made; a server may start beside what makes its tables.
func TestFindWaits(t *testing.T) {
	table, client := dynamotest.Table(t, "records"), dynamotest.Client(t)
	if _, err := dynamotable.Ensure(t.Context(), client, schema(table)); err != nil {
		t.Fatal(err)
	}
	waited := false
	made := &beingMade{Client: client, status: types.TableStatusCreating, times: 2}
	if err := dynamotable.Find(t.Context(), made, table, func() { waited = true }); err != nil || !waited || made.times > 0 {
		t.Errorf("Find of a table that is being made: %v, said so: %v, %d answers too early", err, waited, made.times)
	}
	for status, want := range map[types.TableStatus]string{types.TableStatusUpdating: "", types.TableStatusDeleting: "it is being deleted"} {
		err := dynamotable.Find(t.Context(), &beingMade{Client: client, status: status, times: 1}, table, noWait(t))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Find of a table that is %s: %v, want %q", status, err, want)
		}
	}
}
