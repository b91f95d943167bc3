package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/server/dynamostore"
)

// dynamodbLogs is how many logs a server writes on DynamoDB, where a commit takes
// milliseconds and several in flight hide that.
const dynamodbLogs = 4

// OpenDynamoDB opens records and ledger in two existing tables. Close stops deriving the
// ledger's index; the client stays the caller's.
func OpenDynamoDB(ctx context.Context, client *dynamodb.Client, table, auditTable string) (*Engine, error) {
	for _, table := range []string{table, auditTable} {
		if err := dynamotable.Find(ctx, client, table); err != nil {
			return nil, fmt.Errorf("%w; `piinguin tables create` makes it", err)
		}
	}
	ledger := dynamolog.New(client, auditTable)
	deriving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { ledger.Derive(deriving) })
	return &Engine{
		Records: dynamostore.New(client, table), Ledger: ledger, Leases: ledger, Logs: dynamodbLogs,
		close: func() error { stop(); done.Wait(); return nil },
	}, nil
}
