package dynamotest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/dynamotest"
)

func newTestTable(t *testing.T) string {
	t.Helper()
	table := dynamotest.Table(t, "dynamotest")
	_, err := dynamotest.Client(t).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("k"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("k"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

type item = map[string]types.AttributeValue

func key(k string) item { return item{"k": &types.AttributeValueMemberS{Value: k}} }

func put(ctx context.Context, c *dynamodb.Client, table, k string) error {
	_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: key(k)})
	return err
}

func there(t *testing.T, table, k string) bool {
	t.Helper()
	out, err := dynamotest.Client(t).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key(k), ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item != nil
}

func TestFaults(t *testing.T) {
	table := newTestTable(t)
	lost := errors.New("connection reset")
	for name, tc := range map[string]struct {
		fault  dynamotest.Fault
		fails  bool
		stored bool
	}{
		"none":                   {dynamotest.Fault{}, false, true},
		"not applied":            {dynamotest.Fault{Err: lost}, true, false},
		"applied, reply lost":    {dynamotest.Fault{Err: lost, Apply: true}, true, true},
		"throttled":              {dynamotest.Throttled, true, false},
		"applied, then an error": {dynamotest.Fault{Status: http.StatusInternalServerError, Code: "InternalServerError", Apply: true}, true, true},
	} {
		c := dynamotest.FaultyClient(t, func(op string, call int) dynamotest.Fault {
			if op != "PutItem" || call != 1 {
				t.Errorf("%s: asked about %s %d, want PutItem 1", name, op, call)
			}
			return tc.fault
		}, dynamotest.Attempts(1))
		if err := put(t.Context(), c, table, name); (err != nil) != tc.fails {
			t.Errorf("%s: PutItem: %v", name, err)
		}
		if got := there(t, table, name); got != tc.stored {
			t.Errorf("%s: stored %v, want %v", name, got, tc.stored)
		}
	}
}

func TestRetriesAreCalls(t *testing.T) {
	table := newTestTable(t)
	c := dynamotest.FaultyClient(t, func(_ string, call int) dynamotest.Fault {
		if call < 3 {
			return dynamotest.Throttled
		}
		return dynamotest.Fault{}
	})
	if err := put(t.Context(), c, table, "k"); err != nil || !there(t, table, "k") {
		t.Errorf("PutItem, throttled twice: %v", err)
	}
}

func TestUnprocessed(t *testing.T) {
	table := newTestTable(t)
	for n := range 4 { // of 3
		c := dynamotest.FaultyClient(t, func(string, int) dynamotest.Fault { return dynamotest.Fault{Unprocessed: n} })
		var writes []types.WriteRequest
		var keys []item
		for i := range 3 {
			k := key(fmt.Sprint(n, "/", i))
			writes, keys = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: k}}), append(keys, k)
		}
		write, err := c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: writes}})
		if err != nil || len(write.UnprocessedItems[table]) != n || there(t, table, fmt.Sprint(n, "/", 2)) != (n == 0) {
			t.Fatalf("BatchWriteItem with %d unprocessed: %v, %v", n, write, err)
		}
		get, err := c.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil || len(get.UnprocessedKeys[table].Keys) != n || len(get.Responses[table]) != 3-n {
			t.Fatalf("BatchGetItem with %d unprocessed: %v, %v", n, get, err)
		}
		if n > 0 && !*get.UnprocessedKeys[table].ConsistentRead {
			t.Error("the unprocessed keys lost ConsistentRead")
		}
	}
}

func TestStatementsFail(t *testing.T) {
	table := newTestTable(t)
	for name, tc := range map[string]struct {
		fault   dynamotest.Fault
		answers int  // of 3
		failed  int  // of the answers
		stored  bool // the last item
	}{
		"none":                   {dynamotest.Fault{}, 3, 0, true},
		"one fails":              {dynamotest.Fault{Unprocessed: 1, Code: "ThrottlingError"}, 3, 1, false},
		"all fail":               {dynamotest.Fault{Unprocessed: 9, Code: "ThrottlingError"}, 3, 3, false},
		"applied, then an error": {dynamotest.Fault{Unprocessed: 2, Code: "InternalServerError", Apply: true}, 3, 2, true},
		"no answer":              {dynamotest.Fault{Unprocessed: 1}, 2, 0, false},
		"applied, no answer":     {dynamotest.Fault{Unprocessed: 3, Apply: true}, 0, 0, true},
	} {
		c := dynamotest.FaultyClient(t, func(string, int) dynamotest.Fault { return tc.fault })
		var statements []types.BatchStatementRequest
		for i := range 3 {
			statements = append(statements, types.BatchStatementRequest{
				Statement:  aws.String(`INSERT INTO "` + table + `" VALUE {'k':?}`),
				Parameters: []types.AttributeValue{&types.AttributeValueMemberS{Value: fmt.Sprint(name, i)}},
			})
		}
		out, err := c.BatchExecuteStatement(t.Context(), &dynamodb.BatchExecuteStatementInput{Statements: statements})
		if err != nil || len(out.Responses) != tc.answers {
			t.Fatalf("%s: %v, %v", name, out, err)
		}
		failed := 0
		for _, answer := range out.Responses {
			if answer.Error != nil && string(answer.Error.Code) == tc.fault.Code {
				failed++
			}
		}
		if got := there(t, table, fmt.Sprint(name, 2)); failed != tc.failed || got != tc.stored {
			t.Errorf("%s: %d failed, want %d; the last is stored: %v", name, failed, tc.failed, got)
		}
	}
}
