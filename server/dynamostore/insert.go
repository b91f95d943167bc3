package dynamostore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/server/store"
)

// maxStatements is DynamoDB's limit of statements in a BatchExecuteStatement.
const maxStatements = 25

// insertAll puts records of keys that hold nothing yet, many in a request. A result that is undecided is left for
// PutItem, which alone knows how to put a record over another or beside a tombstone. An INSERT is refused wherever
// an item is, so it can neither replace a newer value nor bring back an erased one.
//
// Only the first record of a key is tried: the others come after it, in their order.
func (s *Store) insertAll(ctx context.Context, records []store.Record) []store.PutResult {
	results := make([]store.PutResult, len(records))
	chunks := slices.Collect(slices.Chunk(firsts(records), maxStatements))
	parallel(len(chunks), func(c int) {
		if chunk := chunks[c]; len(chunk) == 1 {
			results[chunk[0]] = s.put(ctx, records[chunk[0]]) // costs one alone less than a batch of one
		} else if ctx.Err() == nil && s.inserts.take(len(chunk)) {
			s.insert(ctx, records, chunk, results)
		}
	})
	return results
}

// undecided reports whether a put has neither an outcome nor an error yet.
func undecided(r store.PutResult) bool { return r.Outcome == 0 && r.Err == nil }

// firsts returns the places of the first record of each key.
func firsts(records []store.Record) []int {
	seen := make(map[string]bool, len(records))
	places := make([]int, 0, len(records))
	for i, r := range records {
		if !seen[r.ModifiedValue] {
			seen[r.ModifiedValue] = true
			places = append(places, i)
		}
	}
	return places
}

// insert sends one request for the records of some places, which the budget covers.
//
// A call without an answer may have taken effect, so its records fail as those of such a PutItem do. To put them
// again here could undo a put of the same instant that came between the two.
func (s *Store) insert(ctx context.Context, records []store.Record, places []int, results []store.PutResult) {
	now := time.Now()
	statements := make([]types.BatchStatementRequest, len(places))
	for k, i := range places {
		statements[k] = insertOf(s.table, attributesOf(records[i], now))
	}
	out, err := s.api.BatchExecuteStatement(ctx, &dynamodb.BatchExecuteStatementInput{Statements: statements})
	switch {
	case err == nil:
		s.inserted(out.Responses, places, results)
	case refusedCall(err):
		s.inserts.giveBack(len(places))
		if (retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}).IsErrorThrottle(err) != aws.TrueTernary {
			s.inserts.pause()
		}
	default:
		told := failure(ctx, "BatchExecuteStatement", err)
		for _, i := range places {
			results[i].Err = told
		}
	}
}

// inserted takes the answers of one request. What did not succeed, or has no answer, stays undecided.
func (s *Store) inserted(answers []types.BatchStatementResponse, places []int, results []store.PutResult) {
	for k, i := range places[:min(len(places), len(answers))] {
		failed := answers[k].Error
		if failed == nil {
			s.inserts.giveBack(1)
			s.inserts.saw(false)
			results[i].Outcome = store.Stored
			continue
		}
		switch failed.Code {
		case types.BatchStatementErrorCodeEnumDuplicateItem: // was charged
		case types.BatchStatementErrorCodeEnumAccessDenied, types.BatchStatementErrorCodeEnumValidationError:
			s.inserts.giveBack(1)
			s.inserts.pause()
		default:
			s.inserts.giveBack(1)
		}
	}
}

// insertOf returns the statement that makes an item. Its text holds names alone: values are parameters. Table
// names have no quotes.
func insertOf(table string, attributes []attribute) types.BatchStatementRequest {
	var statement strings.Builder
	statement.Grow(256) //nolint:mnd // most fit
	statement.WriteString(`INSERT INTO "` + table + `" VALUE {`)
	values := make([]types.AttributeValue, len(attributes))
	for i, a := range attributes {
		if i > 0 {
			statement.WriteByte(',')
		}
		statement.WriteString("'" + a.name + "':?")
		values[i] = text(a.value)
	}
	statement.WriteByte('}')
	return types.BatchStatementRequest{Statement: aws.String(statement.String()), Parameters: values}
}

// refusedCall reports whether the service refused a call, which then had no effect.
func refusedCall(err error) bool {
	var answer interface{ HTTPStatusCode() int }
	return errors.As(err, &answer) && answer.HTTPStatusCode()/100 == 4
}
