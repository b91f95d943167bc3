package dynamostore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/server/store"
)

// maxKeys is DynamoDB's limit of keys in a BatchGetItem.
const maxKeys = 100

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, modifiedValues []string) []store.GetResult {
	store.CheckBatch(len(modifiedValues))
	if len(modifiedValues) == 1 {
		return []store.GetResult{s.gets.Ask(ctx, modifiedValues[0])}
	}
	return s.getAll(ctx, modifiedValues)
}

// getAll reads each distinct key once.
func (s *Store) getAll(ctx context.Context, modifiedValues []string) []store.GetResult {
	distinct := slices.Compact(slices.Sorted(slices.Values(modifiedValues)))
	chunks := slices.Collect(slices.Chunk(distinct, maxKeys))
	found := make([]map[string]store.GetResult, len(chunks))
	parallel(len(chunks), func(i int) { found[i] = s.fetch(ctx, chunks[i]) })
	all := make(map[string]store.GetResult, len(distinct))
	for _, results := range found {
		maps.Copy(all, results)
	}
	results := make([]store.GetResult, len(modifiedValues))
	for i, key := range modifiedValues {
		results[i] = all[key]
	}
	return results
}

// fetch reads up to maxKeys distinct keys and returns a result for each.
func (s *Store) fetch(ctx context.Context, keys []string) map[string]store.GetResult {
	read := s.getMany
	if len(keys) == 1 {
		read = s.getOne
	}
	items, err := read(ctx, keys)
	now := time.Now()
	results := make(map[string]store.GetResult, len(keys))
	for _, key := range keys {
		if err != nil {
			results[key] = store.GetResult{Err: err}
			continue
		}
		results[key] = result(items[key], now)
	}
	return results
}

func result(it item, now time.Time) store.GetResult {
	row, err := parse(it, now)
	switch {
	case err != nil:
		return store.GetResult{Err: err}
	case !row.readable():
		return store.GetResult{Err: store.ErrNotFound}
	}
	return store.GetResult{Record: row.record}
}

// getOne reads one key by GetItem, which is half as large on the wire as a batch of one.
func (s *Store) getOne(ctx context.Context, keys []string) (map[string]item, error) {
	if ctx.Err() != nil {
		return nil, failure(ctx, "GetItem", ctx.Err())
	}
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: keyOf(keys[0]), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, failure(ctx, "GetItem", err)
	}
	return map[string]item{keys[0]: out.Item}, nil
}

// getMany reads keys by BatchGetItem, and goes on until none is unprocessed or ctx has ended.
// DynamoDB leaves keys unprocessed when it throttles, and above 16 MB.
func (s *Store) getMany(ctx context.Context, keys []string) (map[string]item, error) {
	ask := make([]map[string]types.AttributeValue, len(keys))
	for i, key := range keys {
		ask[i] = keyOf(key)
	}
	var items []item
	err := awsx.Drain(ctx, "BatchGetItem", func() (left bool, err error) {
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: ask, ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return false, err
		}
		items, ask = append(items, out.Responses[s.table]...), out.UnprocessedKeys[s.table].Keys
		return len(ask) > 0, nil
	})
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	return byKey(items)
}

func byKey(items []item) (map[string]item, error) {
	found := make(map[string]item, len(items))
	for _, it := range items {
		key, ok := it[attrModifiedValue].(*types.AttributeValueMemberS)
		if !ok {
			return nil, fmt.Errorf("%w: BatchGetItem: an item without its key", store.ErrUnavailable)
		}
		found[key.Value] = it
	}
	return found, nil
}
