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

const (
	// eraseUpdate keeps observedAt, for store.Standing.Erase's reason. It removes
	// expiresAt: a tombstone that DynamoDB deletes would let a replay bring the value back.
	eraseUpdate = `SET erasedAt = :erasedAt, storedAt = :storedAt
 REMOVE originalValue, fieldName, jsonPath, #schema, hashFunction, parentEventId, expiresAt`

	whereValue     = `attribute_exists(originalValue)`
	whereTombstone = `attribute_not_exists(originalValue) AND (attribute_not_exists(erasedAt) OR erasedAt < :erasedAt)`
)

// eraseRounds bounds the race of an erasure with puts of the same key.
const eraseRounds = 10

// Erase implements store.Store.
func (s *Store) Erase(ctx context.Context, modifiedValues []string, at time.Time) []store.EraseResult {
	store.CheckBatch(len(modifiedValues))
	results := make([]store.EraseResult, len(modifiedValues))
	eachKey(len(modifiedValues), func(i int) string { return modifiedValues[i] }, func(i int) {
		results[i] = s.erase(ctx, modifiedValues[i], at)
	})
	return results
}

// erase removes a value in one request where there is one. Only where there is none
// it takes a second, for the tombstone; it starts again if others change the item
// between the two.
func (s *Store) erase(ctx context.Context, key string, at time.Time) store.EraseResult {
	for range eraseRounds {
		now := time.Now()
		old, refused, err := s.update(ctx, key, whereValue, at, now)
		if err != nil {
			return store.EraseResult{Err: err}
		}
		if !refused {
			return store.EraseResult{Erased: wasLive(old, now)}
		}
		if done, result := refusedErase(old, at, now); done {
			return result
		}
		switch _, refused, err := s.update(ctx, key, whereTombstone, at, time.Now()); {
		case err != nil:
			return store.EraseResult{Err: err}
		case !refused:
			return store.EraseResult{}
		}
	}
	return store.EraseResult{Err: fmt.Errorf("%w: UpdateItem: the item keeps changing", store.ErrUnavailable)}
}

// refusedErase judges what stands where no value is. A tombstone of this very
// request is there if the SDK tried again after the reply to its own success was
// lost; storedAt tells it from others of the same time.
func refusedErase(there item, at, storedAt time.Time) (done bool, result store.EraseResult) {
	row, err := parse(there, storedAt)
	if err != nil {
		return true, store.EraseResult{Err: err}
	}
	if !row.standing.Erased || row.standing.ErasedAt.Before(at) {
		return false, store.EraseResult{}
	}
	own := row.standing.ErasedAt.Equal(at) && row.storedAt == store.FormatTime(storedAt)
	return true, store.EraseResult{Erased: own}
}

// update makes the item a tombstone if a condition holds. It returns the item that
// was there, or that stands if the condition refused.
func (s *Store) update(ctx context.Context, key, condition string, at, storedAt time.Time) (there item, refused bool, err error) {
	if ctx.Err() != nil {
		return nil, false, failure(ctx, "UpdateItem", ctx.Err())
	}
	out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      keyOf(key),
		UpdateExpression:         aws.String(eraseUpdate),
		ConditionExpression:      aws.String(condition),
		ExpressionAttributeNames: map[string]string{"#schema": attrSchema}, // a reserved word
		ExpressionAttributeValues: item{
			":erasedAt": text(store.FormatTime(at)), ":storedAt": text(store.FormatTime(storedAt)),
		},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		return out.Attributes, false, nil
	}
	if there, ok := refusedItem(err); ok {
		return there, true, nil
	}
	return nil, false, failure(ctx, "UpdateItem", err)
}
