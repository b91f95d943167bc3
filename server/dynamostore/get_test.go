package dynamostore

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/server/store"
)

// TestOneKeyIsAskedOnce: the reads of one key share a GetItem, and its answer.
func TestOneKeyIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &oneKey{let: make(chan struct{})}
		s := New(c, "records")
		answers := make(chan store.GetResult, gatheredGets.Eager+9)
		for range cap(answers) {
			go func() { answers <- s.Get(t.Context(), []string{"k"})[0] }()
			synctest.Wait()
		}
		close(c.let)
		for range cap(answers) {
			if r := <-answers; r.Err != nil || r.Record.ModifiedValue != "k" {
				t.Errorf("a read of k: %v", r)
			}
		}
		if got, want := int(c.gets.Load()), gatheredGets.Eager+1; got != want {
			t.Errorf("%d requests, want %d", got, want)
		}
	})
}

// oneKey answers GetItem when the test lets it. A BatchGetItem would be a nil pointer.
type oneKey struct {
	API
	gets atomic.Int32
	let  chan struct{}
}

func (c *oneKey) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	c.gets.Add(1)
	<-c.let
	return &dynamodb.GetItemOutput{Item: itemOf(store.Record{ModifiedValue: "k"}, time.Now())}, nil
}
