package dynamostore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

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
	second      chan struct{}
}

func (c *counting) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	key := fmt.Sprint(in.Item["observedAt"] == nil, in.Item["modifiedValue"])
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.perKey[key]++
	c.overlapping = c.overlapping || c.perKey[key] > 1
	if c.most == 2 && c.now == 2 {
		select {
		case <-c.second:
		default:
			close(c.second)
		}
	}
	c.mu.Unlock()
	<-c.second
	defer func() {
		c.mu.Lock()
		c.now--
		c.perKey[key]--
		c.mu.Unlock()
	}()
	return c.Client.PutItem(ctx, in, o...)
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
