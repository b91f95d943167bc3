// Package dynamolog keeps the ledger in a DynamoDB table, for servers on many machines.
//
//	store := dynamolog.New(dynamodb.NewFromConfig(cfg), "piinguin-audit") // a table made by Schema
//	go store.Derive(ctx)                                                  // beside a server's Ledger
//	ledger, err := audit.Open(ctx, audit.Config{Store: store, Key: key, Leases: store, Logs: 4})
//
// The table has the keys partition (S) and number (N), and these rows:
//
//	<log>               number    a page: first, entries (a list of the readable lines), edge, root, checkpoint
//	ledger/key          0         verifier: the verifier key
//	ledger/logs         hash      log: the name of a registered log
//	ledger/lease/<series>  0      holder, until: which server writes the series, until when in microseconds since 1970
//	subject/<pseudonym>           number = time, log and page: log and page that hold an entry of the pseudonym
//	subject/sha256:<hash>         the same for a pseudonym too long for a key
//	caller/<caller>/<day>         the same for a caller's entries of a UTC day
//	<log>/tile/<level>  number    hashes: a full tile (C2SP tlog-tiles); log and page: the page that filled it
//	<log>/watermark     0         next: every page below it is in the subject and caller rows and the tiles
//
// A commit is one PutItem, on the condition that the page's number is not taken. It is durable when
// it returns nil. Reads are strongly consistent. Any number of servers may share the table.
//
// Derive writes the rows of subjects, callers and tiles after the commit. A query reads the pages
// that are not derived yet as well, so its answer is complete. Without Derive it only gets slower.
//
// A server updates no row but watermarks and leases, and deletes none. Pruning needs more rights: it
// replaces pages by what is left of them, and deletes the rows derived from their lines. IAM cannot
// keep a server from replacing a page; audit.Verify reveals it. Errors hold DynamoDB's error code,
// and never its text, which may quote what is stored.
package dynamolog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/semaphore"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/awsx"
)

// API is what the driver needs of a *dynamodb.Client.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// sideBySide is how many questions of reviewers one Store works on at the same time: lists, entries, and
// what proofs and tiles are made of. One question may read a whole log, and would take the table's read
// capacity from the commits of the server.
const sideBySide = 4

// Store is an audit.Store in a DynamoDB table.
type Store struct {
	api     API
	table   string
	reviews *semaphore.Weighted // questions of reviewers under way

	mu     sync.Mutex
	fresh  map[string][]audit.Page // committed here and not yet derived
	closed map[string]extent       // logs that do not change any more
	wake   chan struct{}
}

var _ interface {
	audit.Store
	audit.Leases
} = (*Store)(nil)

// New returns the ledger in a table made by Schema.
func New(api API, table string) *Store {
	return &Store{
		api: api, table: table, reviews: semaphore.NewWeighted(sideBySide),
		fresh: map[string][]audit.Page{}, closed: map[string]extent{}, wake: make(chan struct{}, 1),
	}
}

// Schema returns the table's keys, with on-demand billing.
func Schema(table string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:   &table,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("partition"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("number"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("partition"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("number"), KeyType: types.KeyTypeRange},
		},
	}
}

// item is a stored row.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func blob(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

// key returns the primary key of a row. Numbers of derived rows exceed 64 bits.
func key(partition, number string) item {
	return item{"partition": text(partition), "number": &types.AttributeValueMemberN{Value: number}}
}

func textOf(it item, name string) (string, bool) {
	v, ok := it[name].(*types.AttributeValueMemberS)
	if !ok {
		return "", false
	}
	return v.Value, true
}

func decimalOf(it item, name string) (string, bool) {
	v, ok := it[name].(*types.AttributeValueMemberN)
	if !ok {
		return "", false
	}
	return v.Value, true
}

func numberOf(it item, name string) (int64, bool) {
	s, ok := decimalOf(it, name)
	n, err := strconv.ParseInt(s, 10, 64)
	return n, ok && err == nil
}

func binaryOf(it item, name string) ([]byte, bool) {
	v, ok := it[name].(*types.AttributeValueMemberB)
	if !ok {
		return nil, false
	}
	return v.Value, true
}

// putNew puts a row unless its key is taken, and returns audit.ErrTaken then.
func (s *Store) putNew(ctx context.Context, operation string, it item, opts ...func(*dynamodb.Options)) error {
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                &s.table,
		Item:                     it,
		ConditionExpression:      aws.String("attribute_not_exists(#p)"),
		ExpressionAttributeNames: map[string]string{"#p": "partition"},
	}, opts...)
	var taken *types.ConditionalCheckFailedException
	if errors.As(err, &taken) {
		return audit.ErrTaken
	}
	return failure(ctx, operation, err)
}

// get returns a row, or audit.ErrNotFound.
func (s *Store) get(ctx context.Context, operation string, key item) (item, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, failure(ctx, operation, err)
	}
	if out.Item == nil {
		return nil, audit.ErrNotFound
	}
	return out.Item, nil
}

// review waits until few enough questions are under way. The caller calls done at the end of its own.
func (s *Store) review(ctx context.Context) (done func(), err error) {
	if err := s.reviews.Acquire(ctx, 1); err != nil {
		return nil, failure(ctx, "wait for other questions", err)
	}
	return func() { s.reviews.Release(1) }, nil
}

// failure returns what may be told of a call that failed, or nil.
func failure(ctx context.Context, operation string, err error) error {
	if err = awsx.Failure(ctx, operation, err); err != nil {
		return fmt.Errorf("dynamolog: %w", err)
	}
	return nil
}
