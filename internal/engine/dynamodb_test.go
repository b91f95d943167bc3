package engine_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/internal/engine"
	"github.com/piinguin/piinguin/server/dynamostore"
)

// TestMissingRightsAreNamed: each action that a server may need later is tried at start. A policy made
// for the original Piinguin has no dynamodb:BatchGetItem, which only reads under load need.
func TestMissingRightsAreNamed(t *testing.T) {
	client := dynamotest.Client(t)
	table, auditTable := dynamotest.Table(t, "records"), dynamotest.Table(t, "audit")
	for _, schema := range []*dynamodb.CreateTableInput{dynamostore.Schema(table), dynamolog.Schema(auditTable)} {
		if _, err := dynamotable.Ensure(t.Context(), client, schema); err != nil {
			t.Fatal(err)
		}
	}
	for _, op := range []string{"", "BatchExecuteStatement", "DescribeTable", "GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query", "BatchWriteItem"} {
		t.Run(op, func(t *testing.T) {
			client := dynamotest.FaultyClient(t, func(o string, _ int) dynamotest.Fault {
				if o == op {
					return dynamotest.Fault{Status: 400, Code: "AccessDeniedException", Message: "not authorized to perform: dynamodb:" + op}
				}
				return dynamotest.Fault{}
			})
			e, err := engine.OpenDynamoDB(t.Context(), client, table, auditTable, zerolog.Nop())
			if op == "" || op == "BatchExecuteStatement" { // which it can do without
				if err != nil {
					t.Fatal(err)
				}
				if err := e.Records.Ready(t.Context()); err != nil {
					t.Errorf("Ready with every right that it needs: %v", err)
				}
				if err := e.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "dynamodb:"+op) || strings.Contains(err.Error(), "tables create") {
				t.Errorf("OpenDynamoDB without the right to %s: %v", op, err)
			}
		})
	}
	for name, tables := range map[string][2]string{"records": {"no-such-table", auditTable}, "ledger": {table, "no-such-table"}} {
		_, err := engine.OpenDynamoDB(t.Context(), client, tables[0], tables[1], zerolog.Nop())
		if err == nil || !strings.Contains(err.Error(), "there is no such table; `piinguin tables create` makes it") {
			t.Errorf("OpenDynamoDB without the table of the %s: %v", name, err)
		}
	}
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &auditTable})
	if err != nil || len(out.Items) > 0 {
		t.Errorf("to look for rights wrote %d rows, %v", len(out.Items), err)
	}
	if out, err = client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table}); err != nil || len(out.Items) > 0 {
		t.Errorf("to look for rights wrote %d records, %v", len(out.Items), err)
	}
}
