package dynamostore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/store"
)

// counting is a client that counts the puts under way. The first waits for a second
// one beside it.
type counting struct {
	*dynamodb.Client
	mu          sync.Mutex
	now, most   int
	perKey      map[string]int
	overlapping bool
	once        sync.Once
	second      chan struct{} // closed when two are under way
}

func (c *counting) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	defer c.enter(in.Item["modifiedValue"])()
	return c.Client.PutItem(ctx, in, o...)
}

func (c *counting) BatchExecuteStatement(ctx context.Context, in *dynamodb.BatchExecuteStatementInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchExecuteStatementOutput, error) {
	var keys []types.AttributeValue
	for _, s := range in.Statements {
		keys = append(keys, s.Parameters[0])
	}
	defer c.enter(keys...)()
	return c.Client.BatchExecuteStatement(ctx, in, o...)
}

// enter counts a request that puts keys, and waits for a second one.
func (c *counting) enter(keys ...types.AttributeValue) (leave func()) {
	c.count(1, keys)
	<-c.second
	return func() { c.count(-1, keys) }
}

func (c *counting) count(n int, keys []types.AttributeValue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.most = max(c.most, c.now)
	for _, key := range keys {
		text := key.(*types.AttributeValueMemberS).Value //nolint:errcheck // it is one
		c.perKey[text] += n
		c.overlapping = c.overlapping || c.perKey[text] > 1
	}
	if c.now == 2 {
		c.once.Do(func() { close(c.second) })
	}
}

func TestWritesSideBySideAreBounded(t *testing.T) {
	c := &counting{Client: dynamotest.Client(t), perKey: map[string]int{}, second: make(chan struct{})}
	s := dynamostore.New(c, newTestTable(t))
	var records []store.Record
	for i := range store.MaxBatch {
		records = append(records, record(fmt.Sprint(i%100), int64(i)))
	}
	for i, got := range s.Put(t.Context(), records) {
		if want := (map[bool]store.PutOutcome{true: store.Stored, false: store.Replaced})[i < 100]; got.Err != nil || got.Outcome != want {
			t.Fatalf("Put of record %d = %v, %v; want %v", i, got.Outcome, got.Err, want)
		}
	}
	if c.most > 32 {
		t.Errorf("%d puts at once, want 32 at most", c.most)
	}
	if c.overlapping {
		t.Error("two puts of one key at once")
	}
}
