package dynamolog

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/awsx"
)

// nothing is a partition that never has a row.
const nothing = "~nothing"

// Rights returns the actions of IAM on the table that a server's ledger needs, each with a call that
// changes nothing and fetches no line. Verifying needs dynamodb:Scan as well, and pruning more.
func (s *Store) Rights() []awsx.Right {
	row := key(nothing, 0)
	return []awsx.Right{
		{Action: "dynamodb:GetItem", Try: func(ctx context.Context) error {
			_, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: row, ConsistentRead: aws.Bool(true)})
			return err
		}},
		{Action: "dynamodb:BatchGetItem", Try: func(ctx context.Context) error {
			_, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				s.table: {Keys: []item{row}, ConsistentRead: aws.Bool(true)},
			}})
			return err
		}},
		{Action: "dynamodb:Query", Try: func(ctx context.Context) error {
			_, err := s.api.Query(ctx, &dynamodb.QueryInput{
				TableName: &s.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#p = :p"),
				ExpressionAttributeNames: map[string]string{"#p": "partition"}, ExpressionAttributeValues: item{":p": text(nothing)},
			})
			return err
		}},
		{Action: "dynamodb:PutItem", Try: func(ctx context.Context) error {
			_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
				TableName: &s.table, Item: row, // on a condition that no row meets
				ConditionExpression:      aws.String("attribute_exists(#p) AND attribute_not_exists(#p)"),
				ExpressionAttributeNames: map[string]string{"#p": "partition"},
			})
			return err
		}},
		{Action: "dynamodb:BatchWriteItem", Try: func(ctx context.Context) error {
			// A batch takes no condition. To delete a row that never exists changes nothing.
			_, err := s.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				s.table: {{DeleteRequest: &types.DeleteRequest{Key: row}}},
			}})
			return err
		}},
	}
}
