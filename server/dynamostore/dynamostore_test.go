package dynamostore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

func TestConformance(t *testing.T) {
	s, _ := newTestStore(t)
	storetest.Run(t, func(*testing.T) store.Store { return s })
}

func TestDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) (store.Store, func() store.Store) {
		s, table := newTestStore(t)
		return s, func() store.Store { return dynamostore.New(dynamotest.Client(t), table) }
	})
}

// TestItems holds the stored items to the letter: other tools read them, and later
// versions.
func TestItems(t *testing.T) {
	t.Run("PutItem", func(t *testing.T) {
		testItems(t, func(s store.Store, whole, bare store.Record) {
			wantPut(t, s, whole, store.Stored)
			wantPut(t, s, bare, store.Stored)
		})
	})
	t.Run("INSERT", func(t *testing.T) {
		testItems(t, func(s store.Store, whole, bare store.Record) {
			wantPuts(t, s, []store.Record{whole, bare}, store.Stored)
		})
	})
}

func testItems(t *testing.T, put func(s store.Store, whole, bare store.Record)) {
	t.Helper()
	s, table := newTestStore(t)
	whole := store.Record{
		ModifiedValue: "whole", Original: store.NewOriginal("ada@example.org"),
		ObservedAt: time.Date(2026, 2, 3, 4, 5, 6, 70, time.FixedZone("", 3600)),
		Source: store.Source{
			FieldName: "unstruct_event", JSONPath: "$.email", Schema: "iglu:com.example/contact/jsonschema/1-0-0",
			HashFunction: "SHA-256", ParentEventID: "a1b2",
		},
	}
	bare := store.Record{ModifiedValue: "bare", ObservedAt: at(0)}
	before := store.FormatTime(time.Now())
	put(s, whole, bare)
	golden := map[string]item{
		"whole": {
			"modifiedValue": text("whole"),
			"originalValue": text("ada@example.org"),
			"observedAt":    text("2026-02-03T03:05:06.000000070Z"),
			"fieldName":     text("unstruct_event"),
			"jsonPath":      text("$.email"),
			"schema":        text("iglu:com.example/contact/jsonschema/1-0-0"),
			"hashFunction":  text("SHA-256"),
			"parentEventId": text("a1b2"),
		},
		"bare": {
			"modifiedValue": text("bare"),
			"originalValue": text(""),
			"observedAt":    text("1970-01-01T00:00:00.000000000Z"),
		},
	}
	checkGolden(t, table, golden, before)

	if got := s.Erase(t.Context(), []string{"whole"}, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
	golden["whole"] = item{
		"modifiedValue": text("whole"),
		"observedAt":    text("2026-02-03T03:05:06.000000070Z"),
		"erasedAt":      text("2026-03-01T00:00:00.000000000Z"),
	}
	wantErase(t, s, "never", 1, false)
	golden["never"] = item{"modifiedValue": text("never"), "erasedAt": text("1970-01-01T00:00:01.000000000Z")}
	checkGolden(t, table, golden, before)
}

func checkGolden(t *testing.T, table string, golden map[string]item, before string) {
	t.Helper()
	after := store.FormatTime(time.Now())
	for key, want := range golden {
		got := getItem(t, table, key)
		stored, ok := got["storedAt"].(*types.AttributeValueMemberS)
		if !ok || stored.Value < before || stored.Value > after {
			t.Errorf("%s: storedAt = %v, want the time of the test", key, stored)
		}
		delete(got, "storedAt")
		if diff := cmp.Diff(want, got, sameItems); diff != "" {
			t.Errorf("item %s (-want +got):\n%s", key, diff)
		}
	}
}

// TestTableOfTheOriginal makes a table as the original Piinguin did, with its
// provisioned throughput, and fills it as that did.
func TestTableOfTheOriginal(t *testing.T) {
	table, client := dynamotest.Table(t, "piinguin"), dynamotest.Client(t)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:             &table,
		AttributeDefinitions:  []types.AttributeDefinition{{AttributeName: aws.String("modifiedValue"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:             []types.KeySchemaElement{{AttributeName: aws.String("modifiedValue"), KeyType: types.KeyTypeHash}},
		ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(5)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := dynamostore.New(client, table)
	for key, value := range map[string]string{"a": "ada@example.org", "b": "192.0.2.7", "c": "", "d": "Zoë 🐧"} {
		putItem(t, table, item{"modifiedValue": text(key), "originalValue": text(value)})
		wantRecord(t, s, store.Record{ModifiedValue: key, Original: store.NewOriginal(value)})
	}
	wantNothing(t, s, "e")

	// Such a record is older than any other.
	wantPut(t, s, record("a", -1), store.Replaced)
	wantRecord(t, s, record("a", -1))
	wantErase(t, s, "b", 5, true)
	wantNothing(t, s, "b")
	wantPut(t, s, record("b", 5), store.Superseded)
	wantPut(t, s, record("b", 6), store.Stored)
	wantErase(t, s, "c", 5, true)
	wantErase(t, s, "c", 6, false)

	if _, err := dynamotable.Ensure(t.Context(), client, dynamostore.Schema(table)); err != nil {
		t.Errorf("CreateTable where the original's table is: %v", err)
	}
	wantRecord(t, s, store.Record{ModifiedValue: "d", Original: store.NewOriginal("Zoë 🐧")})
}

// TestExpiry sets DynamoDB's TTL attribute, as an operator may. The engine deletes an
// item only some time after that.
func TestExpiry(t *testing.T) {
	s, table := newTestStore(t)
	expiring := func(key, expiresAt string) {
		putItem(t, table, item{
			"modifiedValue": text(key), "originalValue": text(canary), "observedAt": text(store.FormatTime(at(5))), "expiresAt": number(expiresAt),
		})
	}
	expiring("later", "99999999999")
	wantRecord(t, s, record("later", 5))
	wantPut(t, s, record("later", 5), store.Replaced)

	expiring("passed", "1000")
	wantNothing(t, s, "passed")
	wantPut(t, s, record("passed", 4), store.Superseded)
	wantPut(t, s, record("passed", 5), store.Superseded)
	wantPut(t, s, record("passed", 6), store.Stored)
	wantRecord(t, s, record("passed", 6))

	expiring("erased", "1000")
	wantErase(t, s, "erased", 7, false)
	if got := getItem(t, table, "erased"); got["originalValue"] != nil || got["expiresAt"] != nil {
		t.Error("after Erase of an expired record the value or its expiry is there")
	}
	wantPut(t, s, record("erased", 7), store.Superseded)
}

// TestForeignItems reads items that something else wrote.
func TestForeignItems(t *testing.T) {
	s, table := newTestStore(t)
	whole := func(change func(it item)) item {
		it := item{
			"modifiedValue": text("k"), "originalValue": text(canary), "observedAt": text(store.FormatTime(at(5))),
			"fieldName": text("f"), "jsonPath": text("p"), "schema": text("s"), "hashFunction": text("h"), "parentEventId": text("e"),
		}
		change(it)
		return it
	}
	for _, attribute := range []string{"originalValue", "observedAt", "storedAt", "erasedAt", "fieldName", "jsonPath", "schema", "hashFunction", "parentEventId"} {
		putItem(t, table, whole(func(it item) { it[attribute] = &types.AttributeValueMemberBOOL{Value: true} }))
		for _, got := range append(s.Get(t.Context(), []string{"k"}), s.Get(t.Context(), []string{"other", "k"})[1]) {
			wantUnavailable(t, "Get", got.Err, attribute)
		}
	}
	for attribute, value := range map[string]types.AttributeValue{"observedAt": text(canary), "erasedAt": text(canary), "expiresAt": text(canary)} {
		putItem(t, table, whole(func(it item) { it[attribute] = value }))
		wantUnavailable(t, "Get", s.Get(t.Context(), []string{"k"})[0].Err, attribute)
		wantUnavailable(t, "Put", s.Put(t.Context(), []store.Record{record("k", 1)})[0].Err, attribute)
	}

	// What can be erased is erased, whatever stands beside it.
	putItem(t, table, whole(func(it item) { it["observedAt"], it["originalValue"] = number("7"), number("8") }))
	wantErase(t, s, "k", 9, true)
	if getItem(t, table, "k")["originalValue"] != nil {
		t.Error("after Erase the value is there")
	}

	// A value beside a tombstone's time is not shown, not brought back, and erased.
	putItem(t, table, whole(func(it item) { it["erasedAt"] = text(store.FormatTime(at(6))) }))
	wantNothing(t, s, "k")
	wantPut(t, s, record("k", 5), store.Superseded)
	putItem(t, table, whole(func(it item) {
		it["observedAt"], it["erasedAt"] = text(store.FormatTime(at(7))), text(store.FormatTime(at(6)))
	}))
	other := record("k", 7)
	other.Original = store.NewOriginal("other")
	wantPut(t, s, other, store.Superseded)
	wantErase(t, s, "k", 7, false)
	if getItem(t, table, "k")["originalValue"] != nil {
		t.Error("after Erase the value is there")
	}
}

// strict is a client that refuses to read what a replica may not have yet. DynamoDB
// Local has one copy, and so is consistent whether asked to be or not.
type strict struct {
	*dynamodb.Client
	t     *testing.T
	reads atomic.Int32
}

func (c *strict) check(op string, consistent *bool) {
	c.reads.Add(1)
	if !aws.ToBool(consistent) {
		c.t.Errorf("%s without ConsistentRead", op)
	}
}

func (c *strict) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	c.check("GetItem", in.ConsistentRead)
	return c.Client.GetItem(ctx, in, o...)
}

func (c *strict) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	for _, table := range in.RequestItems {
		c.check("BatchGetItem", table.ConsistentRead)
	}
	return c.Client.BatchGetItem(ctx, in, o...)
}

func TestReadsAreConsistent(t *testing.T) {
	c := &strict{Client: dynamotest.Client(t), t: t}
	s := dynamostore.New(c, newTestTable(t))
	wantNothing(t, s, "k")
	if got := c.reads.Load(); got != 2 {
		t.Errorf("%d reads, want 2", got)
	}
}

func TestReady(t *testing.T) {
	s, _ := newTestStore(t)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	none := dynamostore.New(dynamotest.Client(t), "no-such-table")
	wantUnavailable(t, "Ready without a table", none.Ready(t.Context()), "ResourceNotFoundException")
}
