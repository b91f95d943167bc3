// Package dynamostore keeps records in a DynamoDB table. A table of the original Piinguin (HASH
// key modifiedValue, attribute originalValue) works as it is.
//
//	s := dynamostore.New(dynamodb.NewFromConfig(cfg), "piinguin")
//	results := s.Get(ctx, []string{modifiedValue})
//
// It promises what store.Store asks for, to any number of servers on one table: a put is a
// conditional PutItem, so the engine itself decides which value is newer. Only where nothing is yet,
// not even a tombstone, an INSERT may take its place: many of those go in one request. Reads are
// strongly consistent. It does not make the table: package dynamotable does, from Schema.
//
// Items are built and read by hand, because a marshaler would store what an Original prints as.
package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/gather"
	"github.com/piinguin/piinguin/server/store"
)

// API is what a Store needs of a *dynamodb.Client.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	BatchExecuteStatement(context.Context, *dynamodb.BatchExecuteStatementInput, ...func(*dynamodb.Options)) (*dynamodb.BatchExecuteStatementOutput, error)
}

// sideBySide bounds the requests of one call that run at the same time.
const sideBySide = 32

// How calls for single records share requests. Two requests of puts are begun whatever they hold: with more, each holds
// fewer records, and one at a time leaves the table idle while the server works.
var (
	gatheredGets = gather.Limits{Most: maxKeys, Flights: 4, Eager: 4}
	gatheredPuts = gather.Limits{Most: maxStatements, Flights: 4, Eager: 2}
)

// Store is a store.Store in a DynamoDB table.
type Store struct {
	api     API
	table   string
	gets    *gather.Gatherer[string, store.GetResult] // of one key each
	puts    *gather.Gatherer[store.Record, store.PutResult]
	inserts budget
}

var _ store.Store = (*Store)(nil)

// New returns the records in a table that was made from Schema or by the original Piinguin. The
// client's own retries and time-outs apply to each request.
func New(client API, table string) *Store {
	s := &Store{api: client, table: table}
	s.gets = gather.New(gatheredGets, s.getAll, func(ctx context.Context) store.GetResult {
		return store.GetResult{Err: failure(ctx, "GetItem", ctx.Err())}
	})
	s.puts = gather.New(gatheredPuts, s.insertAll, func(ctx context.Context) store.PutResult {
		return store.PutResult{Err: failure(ctx, "PutItem", ctx.Err())}
	})
	s.inserts.credit.Store(fullBudget)
	return s
}

// Ready implements store.Store. It reads a key, as every request does, and no value.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.readKey(ctx); err != nil {
		return failure(ctx, "GetItem", err)
	}
	return nil
}

// readKey asks for a key without its value, and returns the SDK's error.
func (s *Store) readKey(ctx context.Context) error {
	_, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: keyOf("ready"), ConsistentRead: aws.Bool(true),
		ProjectionExpression: aws.String(attrModifiedValue),
	})
	return err
}

// eachKey calls one for each of n items: items of different keys side by side, items of one key
// one after the other, in their order.
func eachKey(n int, key func(i int) string, one func(i int)) {
	items := make(map[string][]int, n)
	for i := range n {
		items[key(i)] = append(items[key(i)], i)
	}
	keys := slices.Collect(maps.Values(items))
	parallel(len(keys), func(k int) {
		for _, i := range keys[k] {
			one(i)
		}
	})
}

// parallel calls one for each of n, side by side. A goroutine's stack has to grow for the SDK, which costs as
// much as a tenth of a request: so one alone stays on the caller's, and many share sideBySide others.
func parallel(n int, one func(i int)) {
	if n == 1 {
		one(0)
		return
	}
	var next atomic.Int64
	var group errgroup.Group
	for range min(sideBySide, n) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				one(i)
			}
		})
	}
	_ = group.Wait() // each result holds its own error
}

// failure returns what may be told of a call that failed. The end of the context is not the
// store's failure, so it is no store.ErrUnavailable.
func failure(ctx context.Context, operation string, err error) error {
	return unavailable(ctx, awsx.Failure(ctx, operation, err))
}

func unavailable(ctx context.Context, told error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("dynamostore: %w", told)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, told)
}

// refusedItem returns the item that a write's condition refused.
func refusedItem(err error) (item, bool) {
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		return nil, false
	}
	return refused.Item, true
}
