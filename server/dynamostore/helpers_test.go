package dynamostore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/store"
)

const canary = "CANARY-ada@example.org"

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

// sameItems compares items by what they hold.
var sameItems = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{})

func at(n int64) time.Time { return time.Unix(n, 0).UTC() }

func record(key string, n int64) store.Record {
	return store.Record{ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: at(n)}
}

func newTestTable(t *testing.T) string {
	t.Helper()
	table := dynamotest.Table(t, "records")
	if _, err := dynamotable.Ensure(t.Context(), dynamotest.Client(t), dynamostore.Schema(table)); err != nil {
		t.Fatal(err)
	}
	return table
}

func newTestStore(t *testing.T) (*dynamostore.Store, string) {
	t.Helper()
	table := newTestTable(t)
	return dynamostore.New(dynamotest.Client(t), table), table
}

func putItem(t *testing.T, table string, it item) {
	t.Helper()
	if _, err := dynamotest.Client(t).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it}); err != nil {
		t.Fatal(err)
	}
}

func getItem(t *testing.T, table, key string) item {
	t.Helper()
	out, err := dynamotest.Client(t).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &table, Key: item{"modifiedValue": text(key)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

func wantPut(t *testing.T, s store.Store, r store.Record, want store.PutOutcome) {
	t.Helper()
	if got := s.Put(t.Context(), []store.Record{r})[0]; got.Err != nil || got.Outcome != want {
		t.Fatalf("Put = %v, %v; want %v", got.Outcome, got.Err, want)
	}
}

func wantErase(t *testing.T, s store.Store, key string, n int64, want bool) {
	t.Helper()
	if got := s.Erase(t.Context(), []string{key}, at(n))[0]; got.Err != nil || got.Erased != want {
		t.Fatalf("Erase = %v, %v; want %v", got.Erased, got.Err, want)
	}
}

func wantRecord(t *testing.T, s store.Store, want store.Record) {
	t.Helper()
	for _, got := range append(s.Get(t.Context(), []string{want.ModifiedValue}), s.Get(t.Context(), []string{"other", want.ModifiedValue})[1]) {
		if diff := cmp.Diff(store.GetResult{Record: want}, got, cmpopts.EquateErrors()); diff != "" {
			t.Fatalf("Get (-want +got):\n%s", diff)
		}
	}
}

func wantNothing(t *testing.T, s store.Store, key string) {
	t.Helper()
	for _, got := range append(s.Get(t.Context(), []string{key}), s.Get(t.Context(), []string{"other", key})[1]) {
		if !errors.Is(got.Err, store.ErrNotFound) {
			t.Fatalf("Get: %v, want ErrNotFound", got.Err)
		}
	}
}

// wantUnavailable wants an error of the contract that names a word and holds no value.
func wantUnavailable(t *testing.T, what string, err error, word string) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), word) {
		t.Errorf("%s: %v, want ErrUnavailable that names %s", what, err, word)
	}
	if err != nil && strings.Contains(err.Error(), "CANARY") {
		t.Errorf("%s: the error holds the value", what)
	}
}
