// Package dynamolog keeps the ledger in a DynamoDB table, for servers on many machines.
//
//	store := dynamolog.New(dynamodb.NewFromConfig(cfg), "piinguin-audit") // a table made by Schema
//	ledger, err := audit.Open(ctx, audit.Config{Store: store, Key: key, Leases: store, Logs: 4})
//
// The table has the keys partition (S) and number (N), and these rows:
//
//	spine, 1, 2, ...  number  a page: first, time, lines (a list of the readable lines), edge, root,
//	                          checkpoint; in a stub leaves in place of lines
//	~<log>/<kind>     number  data: a blob, such as a full tile under ~1/tile/1
//	~ledger           0       verifier: the verifier key, under the ledger's name
//	~lease/<log>      0       holder, until: which server writes the log, until when in microseconds
//	                          since 1970
//
// A commit is one PutItem, on the condition that the page's number is not taken. It is durable when
// it returns nil. Reads are strongly consistent. Any number of servers may share the table.
//
// A server replaces no row but blobs and leases, and deletes none. Pruning needs more rights: it makes
// a stub of a page, and deletes the pages before it. IAM cannot keep a server from replacing a page;
// audit.Verify reveals it. It can keep a server from deleting one: only BatchWriteItem deletes, and a
// server needs that for rows that begin with ~ only (dynamodb:LeadingKeys). Errors hold DynamoDB's
// error code, and never its text, which may quote what is stored.
package dynamolog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/semaphore"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/awsx"
)

// API is what the driver needs of a *dynamodb.Client.
type API interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// sideBySide is how many calls to DynamoDB all questions of reviewers together make at the same time.
// One question may read a whole log, and would take the table's read capacity from the commits of the
// server.
const sideBySide = 4

// Store is an audit.Store in a DynamoDB table.
type Store struct {
	rows
	reviews rows
}

var _ interface {
	audit.Store
	audit.Leases
} = (*Store)(nil)

// New returns the ledger in a table made by Schema.
func New(api API, table string) *Store {
	own := rows{api: api, table: table}
	reviews := own
	reviews.slots = semaphore.NewWeighted(sideBySide)
	return &Store{own, reviews}
}

// Reviews implements audit.Backend. Its calls wait for one another.
func (s *Store) Reviews() audit.Reader { return s.reviews }

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

// rows reads and writes the table's rows.
type rows struct {
	api   API
	table string
	slots *semaphore.Weighted // calls that may be under way; nil for any number
}

// slot waits until few enough calls are under way. The caller calls done at the end of its own.
func (s rows) slot(ctx context.Context) (done func(), err error) {
	if s.slots == nil {
		return func() {}, nil
	}
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return nil, failure(ctx, "wait for other questions", err)
	}
	return func() { s.slots.Release(1) }, nil
}

// item is a stored row.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// blob returns bytes as an attribute. Without the copy nil would be sent as a null, which DynamoDB refuses.
func blob(b []byte) types.AttributeValue {
	return &types.AttributeValueMemberB{Value: append([]byte{}, b...)}
}

// key returns the primary key of a row.
func key(partition string, n int64) item {
	return item{"partition": text(partition), "number": number(n)}
}

func textOf(it item, name string) (string, bool) {
	v, ok := it[name].(*types.AttributeValueMemberS)
	if !ok {
		return "", false
	}
	return v.Value, true
}

func numberOf(it item, name string) (int64, bool) {
	v, ok := it[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == v.Value
}

func binaryOf(it item, name string) ([]byte, bool) {
	v, ok := it[name].(*types.AttributeValueMemberB)
	if !ok {
		return nil, false
	}
	return v.Value, true
}

// putNew puts a row unless its key is taken, and returns audit.ErrTaken then.
func (s rows) putNew(ctx context.Context, operation string, it item, opts ...func(*dynamodb.Options)) error {
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

// failure returns what may be told of a call that failed, or nil.
func failure(ctx context.Context, operation string, err error) error {
	if err = awsx.Failure(ctx, operation, err); err != nil {
		return fmt.Errorf("dynamolog: %w", err)
	}
	return nil
}

// write does a batch of writes without conditions, until all are done.
func (s rows) write(ctx context.Context, operation string, batch []types.WriteRequest) error {
	err := awsx.Drain(ctx, operation, func() (left bool, err error) {
		out, err := s.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{s.table: batch},
		})
		if err != nil {
			return false, err
		}
		batch = out.UnprocessedItems[s.table]
		return len(batch) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("dynamolog: %w", err)
	}
	return nil
}
