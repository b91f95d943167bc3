package dynamotable

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/internal/awsx"
)

// ensureRecovery turns point-in-time recovery on where it is off. AWS refuses that while it
// sets up the backups of a new table, for some seconds; ensureRecovery then asks again.
func ensureRecovery(ctx context.Context, client API, table string) (note string, err error) {
	out, err := client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &table})
	if awsx.Code(err) == "UnknownOperationException" {
		return "point-in-time recovery of " + table + ": this engine does not support it", nil
	}
	if err := awsx.Failure(ctx, "DescribeContinuousBackups", err); err != nil {
		return "", err
	}
	if recovers(out.ContinuousBackupsDescription) {
		return "", nil
	}
	return "", awsx.Drain(ctx, "UpdateContinuousBackups", func() (left bool, err error) {
		_, err = client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName:                        &table,
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
		})
		var notYet *types.ContinuousBackupsUnavailableException
		if errors.As(err, &notYet) {
			return true, nil
		}
		return false, err
	})
}

func recovers(d *types.ContinuousBackupsDescription) bool {
	return d != nil && d.PointInTimeRecoveryDescription != nil &&
		d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
}
