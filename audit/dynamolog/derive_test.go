package dynamolog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
)

// writeOnly takes pages and refuses every reading, which it counts.
type writeOnly struct {
	dynamolog.API
	queries atomic.Int64
}

func (*writeOnly) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, nil
}

func (w *writeOnly) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	w.queries.Add(1)
	return nil, errors.New("throttled")
}

// TestDeriveLeavesAFailingTableAlone: commits go on, and each of them wakes Derive.
func TestDeriveLeavesAFailingTableAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &writeOnly{}
		store := dynamolog.New(api, "piinguin-audit")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go store.Derive(ctx)
		for n := range int64(600) {
			if err := store.Commit(ctx, audit.Page{Log: "log", Number: n}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // of synctest's clock
		}
		<-ctx.Done()
		synctest.Wait()
		if n := api.queries.Load(); n < 5 || n > 20 {
			t.Errorf("in a minute of failures Derive has asked %d times", n)
		}
	})
}
