package dynamolog

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
)

// Prune implements audit.Pruner. It deletes the derived rows first, because only the lines say
// which they are. It needs the rights to delete and to replace items, which no server has.
func (s *Store) Prune(ctx context.Context, pages []audit.Page) error {
	if len(pages) == 0 {
		return nil
	}
	// Without this a row could be derived after its page was pruned, and belong to nothing.
	if err := s.catchUp(ctx, pages[0].Log); err != nil {
		return err
	}
	for _, p := range pages {
		if err := s.prunePage(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) prunePage(ctx context.Context, p audit.Page) error {
	after, err := p.Prune()
	if err != nil {
		return err
	}
	rows, err := rowsOfPrunedLines(p, after)
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		n := min(batchWrite, len(rows))
		if err := s.writeBatch(ctx, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                 &s.table,
		Item:                      pageItem(after),
		ConditionExpression:       aws.String("#c = :c"),
		ExpressionAttributeNames:  map[string]string{"#c": "checkpoint"},
		ExpressionAttributeValues: item{":c": text(string(p.Checkpoint))},
	})
	return failure(ctx, "prune", err)
}

// rowsOfPrunedLines deletes the rows that follow from p but not from what is left of it.
func rowsOfPrunedLines(p, after audit.Page) ([]types.WriteRequest, error) {
	have, err := derived(p)
	if err != nil {
		return nil, err
	}
	left, err := derived(after)
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	for _, it := range left {
		keep[rowOf(it)] = true
	}
	var rows []types.WriteRequest
	for _, it := range have {
		if !keep[rowOf(it)] {
			rows = append(rows, types.WriteRequest{DeleteRequest: &types.DeleteRequest{
				Key: item{"partition": it["partition"], "number": it["number"]},
			}})
		}
	}
	return rows, nil
}

// catchUp derives what is not yet derived of a log.
func (s *Store) catchUp(ctx context.Context, log string) error {
	d, err := s.resume(ctx, log)
	if err != nil {
		return err
	}
	for {
		pages, err := s.some(ctx, log, d.next)
		if err != nil || len(pages) == 0 {
			return err
		}
		if err := s.derivePages(ctx, d, pages); err != nil {
			return err
		}
	}
}
