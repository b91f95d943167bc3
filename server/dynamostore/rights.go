package dynamostore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/awsx"
)

// never is a condition that no item meets, so a write on it changes nothing.
const never = "attribute_exists(" + attrModifiedValue + ") AND attribute_not_exists(" + attrModifiedValue + ")"

// Rights returns the actions of IAM on the table that the methods of Store need, each with a call
// that changes nothing and fetches no value.
func (s *Store) Rights() []awsx.Right {
	key := keyOf("ready")
	return []awsx.Right{
		{Action: "dynamodb:GetItem", Try: s.readKey},
		{Action: "dynamodb:BatchGetItem", Try: func(ctx context.Context) error {
			_, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				s.table: {Keys: []item{key}, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String(attrModifiedValue)},
			}})
			return err
		}},
		{Action: "dynamodb:PutItem", Try: func(ctx context.Context) error {
			_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: key, ConditionExpression: aws.String(never)})
			return err
		}},
		{Action: "dynamodb:UpdateItem", Try: func(ctx context.Context) error {
			_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: &s.table, Key: key, UpdateExpression: aws.String("REMOVE " + attrErasedAt), ConditionExpression: aws.String(never),
			})
			return err
		}},
		{Action: "dynamodb:PartiQLInsert", Try: s.tryInsert, Spare: true}, // PutItem does it too
	}
}

// tryInsert sends an INSERT whose key is no text, which the table refuses. IAM may refuse a call as a whole, or each
// of its statements.
func (s *Store) tryInsert(ctx context.Context) error {
	refused := insertOf(s.table, []attribute{{name: attrModifiedValue}})
	refused.Parameters = []types.AttributeValue{&types.AttributeValueMemberN{Value: "0"}}
	out, err := s.api.BatchExecuteStatement(ctx, &dynamodb.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{refused}})
	if err != nil {
		return err
	}
	for _, answer := range out.Responses {
		if answer.Error != nil && answer.Error.Code == types.BatchStatementErrorCodeEnumAccessDenied {
			return awsx.ErrDenied
		}
	}
	return nil
}
