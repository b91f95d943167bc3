package dynamostore

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/server/store"
)

// maxKeys is how many keys a BatchGetItem may hold.
const maxKeys = 100

// The wait before unprocessed keys are asked for again doubles from the first to the
// longest.
const (
	firstPause   = 10 * time.Millisecond
	longestPause = time.Second
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, modifiedValues []string) []store.GetResult {
	store.CheckBatch(len(modifiedValues))
	if len(modifiedValues) == 1 {
		return []store.GetResult{s.single.get(ctx, modifiedValues[0])}
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(modifiedValues)))
	chunks := slices.Collect(slices.Chunk(distinct, maxKeys))
	found := make([]map[string]store.GetResult, len(chunks))
	var group errgroup.Group
	for i, keys := range chunks {
		group.Go(func() error {
			found[i] = s.fetch(ctx, keys)
			return nil
		})
	}
	_ = group.Wait() // each result holds its own error
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

// getOne reads one key: half of what a batch of one costs on the wire.
func (s *Store) getOne(ctx context.Context, keys []string) (map[string]item, error) {
	if ctx.Err() != nil {
		return nil, failure(ctx, "GetItem", nil)
	}
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: keyOf(keys[0]), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, failure(ctx, "GetItem", err)
	}
	return map[string]item{keys[0]: out.Item}, nil
}

// getMany reads keys by BatchGetItem, and goes on until none is unprocessed or the
// context is done. DynamoDB leaves keys unprocessed under throttling and above 16 MB.
func (s *Store) getMany(ctx context.Context, keys []string) (map[string]item, error) {
	ask := make([]map[string]types.AttributeValue, len(keys))
	for i, key := range keys {
		ask[i] = keyOf(key)
	}
	found := make(map[string]item, len(keys))
	for attempt := 0; len(ask) > 0; attempt++ {
		if attempt > 0 {
			pause(ctx, attempt)
		}
		if ctx.Err() != nil {
			return nil, failure(ctx, "BatchGetItem", nil)
		}
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: ask, ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return nil, failure(ctx, "BatchGetItem", err)
		}
		for _, it := range out.Responses[s.table] {
			key, ok := it[attrModifiedValue].(*types.AttributeValueMemberS)
			if !ok {
				return nil, fmt.Errorf("%w: BatchGetItem: an item without its key", store.ErrUnavailable)
			}
			found[key.Value] = it
		}
		ask = out.UnprocessedKeys[s.table].Keys
	}
	return found, nil
}

// pause waits a random part of a time that doubles with each attempt, or until the
// context is done.
func pause(ctx context.Context, attempt int) {
	longest := min(longestPause, firstPause<<min(attempt, 10))
	timer := time.NewTimer(rand.N(longest)) //nolint:gosec // spreads load, keeps no secret
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
