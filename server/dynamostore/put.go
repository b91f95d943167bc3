package dynamostore

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/server/store"
)

// putCondition is store.Standing.Decide in DynamoDB's words. The times are texts of
// one width, so < compares them as times. What is not there, an attribute or the
// whole item, refuses nothing; an item of the original Piinguin has no times.
const putCondition = `(attribute_not_exists(observedAt) OR observedAt < :observedAt OR
 (observedAt = :observedAt AND attribute_exists(originalValue) AND attribute_not_exists(erasedAt) AND originalValue <> :originalValue))
 AND (attribute_not_exists(erasedAt) OR erasedAt < :observedAt)`

// Put implements store.Store. What insertAll leaves is put by PutItem.
func (s *Store) Put(ctx context.Context, records []store.Record) []store.PutResult {
	store.CheckBatch(len(records))
	var results []store.PutResult
	switch {
	case len(records) != 1:
		results = s.insertAll(ctx, records)
	case s.inserts.covers(maxStatements):
		results = []store.PutResult{s.puts.Ask(ctx, records[0])}
	default:
		return []store.PutResult{s.put(ctx, records[0])}
	}
	var left []int
	for i, r := range results {
		if undecided(r) {
			left = append(left, i)
		}
	}
	eachKey(len(left), func(k int) string { return records[left[k]].ModifiedValue }, func(k int) {
		results[left[k]] = s.put(ctx, records[left[k]])
	})
	return results
}

// put is the put that decides: one conditional PutItem.
func (s *Store) put(ctx context.Context, r store.Record) store.PutResult {
	if ctx.Err() != nil {
		return store.PutResult{Err: failure(ctx, "PutItem", ctx.Err())}
	}
	now := time.Now()
	it := itemOf(r, now)
	out, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:           &s.table,
		Item:                it,
		ConditionExpression: aws.String(putCondition),
		ExpressionAttributeValues: item{
			":observedAt": it[attrObservedAt], ":originalValue": it[attrOriginalValue],
		},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		s.inserts.saw(len(out.Attributes) > 0)
		return store.PutResult{Outcome: tookEffect(out.Attributes, now)}
	}
	if there, ok := refusedItem(err); ok {
		s.inserts.saw(true)
		return refusedPut(r, there, now)
	}
	return store.PutResult{Err: failure(ctx, "PutItem", err)}
}

// tookEffect tells the outcome from the item that was there before.
func tookEffect(old item, now time.Time) store.PutOutcome {
	if wasLive(old, now) {
		return store.Replaced
	}
	return store.Stored
}

// wasLive reports whether an item that a write has removed was a live record. One
// that is not as this package writes them counts if it held a value: it is gone.
func wasLive(old item, now time.Time) bool {
	row, err := parse(old, now)
	if err != nil {
		_, held := old[attrOriginalValue]
		return held
	}
	return row.readable()
}

// refusedPut tells the outcome from the item that stands. The record itself may be
// what stands: from an earlier delivery, or because the SDK tried again after the
// reply to its own success was lost.
func refusedPut(r store.Record, there item, now time.Time) store.PutResult {
	row, err := parse(there, now)
	if err != nil {
		return store.PutResult{Err: err}
	}
	outcome, write := row.standing.Decide(r)
	switch {
	case write:
		return store.PutResult{Err: fmt.Errorf("%w: PutItem: refused without a reason", store.ErrUnavailable)}
	case row.expired:
		outcome = store.Superseded // by its expiry: nothing live is there
	}
	return store.PutResult{Outcome: outcome}
}
