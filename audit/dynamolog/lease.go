package dynamolog

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
)

const leasePrefix = "~lease/"

// Lease implements audit.Leases with one conditional PutItem.
func (s *Store) Lease(ctx context.Context, log audit.LogID, holder string, now, until time.Time) (bool, error) {
	it := key(leasePrefix+log.String(), 0)
	it["holder"], it["until"] = text(holder), number(until.UnixMicro())
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                 &s.table,
		Item:                      it,
		ConditionExpression:       aws.String("attribute_not_exists(#p) OR #h = :h OR #u <= :now"),
		ExpressionAttributeNames:  map[string]string{"#p": "partition", "#h": "holder", "#u": "until"},
		ExpressionAttributeValues: item{":h": text(holder), ":now": number(now.UnixMicro())},
	})
	var held *types.ConditionalCheckFailedException
	if errors.As(err, &held) {
		return false, nil
	}
	return err == nil, failure(ctx, "lease", err)
}
