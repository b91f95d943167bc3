package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/server/dynamostore"
)

// dynamodbLogs is how many logs a server writes on DynamoDB under load, where a commit takes
// milliseconds and several in flight hide that.
const dynamodbLogs = 4

// OpenDynamoDB opens records and ledger in two existing tables. It waits for a table that is being
// made, for up to five minutes, and fails if IAM does not allow an action that the server will need.
// The client stays the caller's. The log says what is waited
// for, and which rights are missing later.
func OpenDynamoDB(ctx context.Context, client *dynamodb.Client, table, auditTable string, log zerolog.Logger) (*Engine, error) {
	for _, table := range []string{table, auditTable} {
		err := dynamotable.Find(ctx, client, table, func() {
			log.Info().Str("table", table).Msg("waiting for a DynamoDB table that is being made")
		})
		if errors.Is(err, dynamotable.ErrAbsent) {
			err = fmt.Errorf("%w; `piinguin tables create` makes it", err)
		}
		if err != nil {
			return nil, err
		}
	}
	ledger, records := dynamolog.New(client, auditTable), dynamostore.New(client, table)
	checked := &watched{Store: records, log: log, rights: map[string][]awsx.Right{table: records.Rights(), auditTable: ledger.Rights()}}
	if err := checked.check(ctx); err != nil {
		return nil, err
	}
	return &Engine{
		Records: checked, Ledger: ledger, Leases: ledger, Logs: dynamodbLogs,
		close: func() error { return nil },
	}, nil
}
