package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// TestMemoryIsAsDynamoDB makes the same calls to the engine in memory and to DynamoDB Local. Both
// must find the same, refuse the same, and charge the same.
func TestMemoryIsAsDynamoDB(t *testing.T) {
	handler, err := newMemory("0s", "0s")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	table := dynamotest.Table(t, "bench")
	local := dynamotest.Client(t)
	ours := dynamotest.Client(t, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(s.URL) })
	var want, have []string
	var before meter
	for i, call := range calls(table) {
		answer, units := call(t.Context(), local)
		want = append(want, fmt.Sprintf("call %d: %s, %v units", i, answer, units))
		answer, _ = call(t.Context(), ours)
		m, err := meterOf(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		cost := m.since(before)
		before = m
		have = append(have, fmt.Sprintf("call %d: %s, %v units", i, answer, cost.ReadUnits+cost.WriteUnits))
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("answers and costs (-DynamoDB Local +memory):\n%s", diff)
	}
}

// calls are calls to a table of the ledger, as Piinguin's server makes them. Each returns what it
// found or why it was refused, and the units that it cost.
func calls(table string) (all []func(context.Context, *dynamodb.Client) (string, float64)) {
	add := func(call func(context.Context, *dynamodb.Client) (string, float64)) { all = append(all, call) }
	add(func(ctx context.Context, c *dynamodb.Client) (string, float64) {
		_, err := c.CreateTable(ctx, dynamolog.Schema(table))
		return told(err), 0
	})
	for n, size := range []int{10, 900, 1000, 5000, 5000, 10} { // the last two have taken keys
		add(func(ctx context.Context, c *dynamodb.Client) (string, float64) {
			out, err := c.PutItem(ctx, &dynamodb.PutItemInput{
				TableName: &table, Item: itemOf(n%4, size), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
				ConditionExpression:       aws.String("attribute_not_exists(#p) OR (#n >= :n AND #e = :e)"),
				ExpressionAttributeNames:  map[string]string{"#p": "partition", "#n": "number", "#e": "entry"},
				ExpressionAttributeValues: map[string]types.AttributeValue{":n": number(1), ":e": text(entry(900))},
			})
			if err != nil {
				return told(err), 1 // by the item that is there; the answer does not say so
			}
			return "put", charged(one(out.ConsumedCapacity)...)
		})
	}
	add(func(ctx context.Context, c *dynamodb.Client) (string, float64) {
		out, err := c.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &table, Key: key(3), ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			return told(err), 0
		}
		return found(out.Item), charged(one(out.ConsumedCapacity)...)
	})
	for _, forward := range []bool{true, false} {
		add(func(ctx context.Context, c *dynamodb.Client) (string, float64) {
			out, err := c.Query(ctx, &dynamodb.QueryInput{
				TableName: &table, ConsistentRead: aws.Bool(true), ScanIndexForward: &forward, Limit: aws.Int32(2), ExclusiveStartKey: key(2),
				KeyConditionExpression: aws.String("#p = :p AND #n >= :n"), ExpressionAttributeNames: map[string]string{"#p": "partition", "#n": "number"},
				ExpressionAttributeValues: map[string]types.AttributeValue{":p": text("1"), ":n": number(1)}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			})
			if err != nil {
				return told(err), 0
			}
			return found(out.Items...), charged(one(out.ConsumedCapacity)...)
		})
	}
	add(func(ctx context.Context, c *dynamodb.Client) (string, float64) {
		out, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			RequestItems: map[string][]types.WriteRequest{table: {
				{PutRequest: &types.PutRequest{Item: itemOf(7, 3000)}}, {DeleteRequest: &types.DeleteRequest{Key: key(1)}},
			}},
		})
		if err != nil {
			return told(err), 0
		}
		return "written", charged(out.ConsumedCapacity...)
	})
	add(func(ctx context.Context, c *dynamodb.Client) (string, float64) {
		out, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			RequestItems:           map[string]types.KeysAndAttributes{table: {Keys: []map[string]types.AttributeValue{key(2), key(7)}, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return told(err), 0
		}
		return found(out.Responses[table]...), charged(out.ConsumedCapacity...)
	})
	for _, insert := range []struct { // DynamoDB Local does not tell their units; AWS charges as for PutItem
		key   []types.AttributeValue
		units float64
	}{{[]types.AttributeValue{text("1"), number(20)}, 2}, {[]types.AttributeValue{text("1"), number(7)}, 4}, {[]types.AttributeValue{number(1), number(21)}, 0}} {
		add(func(ctx context.Context, c *dynamodb.Client) (string, float64) {
			out, err := c.BatchExecuteStatement(ctx, &dynamodb.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{{
				Statement:  aws.String(`INSERT INTO "` + table + `" VALUE {'partition':?,'number':?,'entry':?}`),
				Parameters: append(insert.key, text(entry(1500))),
			}}})
			switch {
			case err != nil:
				return told(err), 0
			case out.Responses[0].Error != nil:
				return string(out.Responses[0].Error.Code), insert.units
			}
			return "inserted", insert.units
		})
	}
	return all
}

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }

func key(n int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"partition": text("1"), "number": number(n)}
}

func entry(size int) string { return strings.Repeat("e", size) }

func itemOf(n, size int) map[string]types.AttributeValue {
	it := key(n)
	it["entry"], it["root"] = text(entry(size)), &types.AttributeValueMemberB{Value: make([]byte, 32)}
	it["lines"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{text("one"), text("another")}}
	return it
}

// charged returns the units of a call; the engine in memory does not tell them.
func charged(c ...types.ConsumedCapacity) (units float64) {
	for _, of := range c {
		units += *of.CapacityUnits
	}
	return units
}

// one returns what a single call says, if it says anything.
func one(c *types.ConsumedCapacity) []types.ConsumedCapacity {
	if c == nil {
		return nil
	}
	return []types.ConsumedCapacity{*c}
}

// told returns why a call was refused.
func told(err error) string {
	var refused *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &refused):
		return "refused"
	}
	return err.Error()
}

// found shows which items an answer has.
func found(items ...map[string]types.AttributeValue) (text string) {
	for _, it := range items {
		n, _ := it["number"].(*types.AttributeValueMemberN)
		e, _ := it["entry"].(*types.AttributeValueMemberS)
		text += fmt.Sprintf("%s: %d ", n.Value, len(e.Value))
	}
	return text
}
