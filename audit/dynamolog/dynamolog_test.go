package dynamolog_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// table is a ledger in a table of its own.
type table struct {
	*dynamolog.Store
	client *dynamodb.Client
	name   string
}

func newTable(t *testing.T) table {
	t.Helper()
	client := dynamotest.Client(t)
	name := dynamotest.Table(t, "audit")
	if _, err := client.CreateTable(t.Context(), dynamolog.Schema(name)); err != nil {
		t.Fatal(err)
	}
	return table{dynamolog.New(strict{client, t}, name), client, name}
}

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue    { return &types.AttributeValueMemberS{Value: s} }
func decimal(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

func (x table) put(t *testing.T, it item) {
	t.Helper()
	if _, err := x.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &x.name, Item: it}); err != nil {
		t.Fatalf("put %s: %v", nameOf(it), err)
	}
}

func (x table) remove(t *testing.T, it item) {
	t.Helper()
	key := item{"partition": it["partition"], "number": it["number"]}
	if _, err := x.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &x.name, Key: key}); err != nil {
		t.Fatal(err)
	}
}

// rows returns what is stored.
func (x table) rows(t *testing.T) (all []item) {
	t.Helper()
	in := &dynamodb.ScanInput{TableName: &x.name, ConsistentRead: aws.Bool(true)}
	for scan := dynamodb.NewScanPaginator(x.client, in); scan.HasMorePages(); {
		out, err := scan.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.Items...)
	}
	return all
}

func TestConformance(t *testing.T) {
	audittest.Run(t, audittest.Driver{Open: func(t *testing.T) audit.Store { return newTable(t).Store }, Leases: true})
}
