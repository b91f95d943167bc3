package dynamolog

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
)

// Prune implements audit.Pruner. It needs the rights to replace and to delete items, which no server
// has. The stub comes first: an interruption leaves pages before it, and Verify tells those from a
// change by the PRUNE in the spine.
func (s *Store) Prune(ctx context.Context, stub audit.Page) error {
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                 &s.table,
		Item:                      pageItem(stub),
		ConditionExpression:       aws.String("#c = :c"),
		ExpressionAttributeNames:  map[string]string{"#c": "checkpoint"},
		ExpressionAttributeValues: item{":c": text(string(stub.Checkpoint))},
	})
	var other *types.ConditionalCheckFailedException
	if errors.As(err, &other) {
		return audit.ErrNotFound
	}
	if err != nil {
		return failure(ctx, "prune", err)
	}
	return s.remove(ctx, stub.Log.String(), 0, stub.Number)
}

// PruneBlobs implements audit.Pruner.
func (s *Store) PruneBlobs(ctx context.Context, log audit.LogID, kind string, from, to int64) error {
	return s.remove(ctx, blobPartition(log, kind), from, to)
}

// remove deletes the rows of a partition with the numbers from to to-1.
func (s *Store) remove(ctx context.Context, partition string, from, to int64) error {
	var batch []types.WriteRequest
	for it, err := range s.each(ctx, partition, &from) {
		if err != nil {
			return err
		}
		n, ok := numberOf(it, "number")
		if ok && n >= to {
			break
		}
		batch = append(batch, types.WriteRequest{DeleteRequest: &types.DeleteRequest{
			Key: item{"partition": it["partition"], "number": it["number"]},
		}})
		if len(batch) == batchWrite {
			if err := s.write(ctx, "prune", batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return s.write(ctx, "prune", batch)
}
