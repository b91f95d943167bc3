package dynamolog_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// strict is a client that refuses to read what a replica may not have yet. DynamoDB Local has one
// copy, and so is consistent whether asked to be or not. Every suite of this package runs on it.
type strict struct {
	*dynamodb.Client
	t *testing.T
}

func (c strict) check(op string, consistent *bool) {
	if !aws.ToBool(consistent) {
		c.t.Errorf("%s without ConsistentRead", op)
	}
}

func (c strict) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	c.check("GetItem", in.ConsistentRead)
	return c.Client.GetItem(ctx, in, o...)
}

func (c strict) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	c.check("Query", in.ConsistentRead)
	return c.Client.Query(ctx, in, o...)
}

func (c strict) Scan(ctx context.Context, in *dynamodb.ScanInput, o ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	c.check("Scan", in.ConsistentRead)
	return c.Client.Scan(ctx, in, o...)
}

// TestCommitIsSentOnce: the ledger's writer has the deadline and finds out what became of a commit. An
// SDK that sends it again would spend that time, and report its own success as ErrTaken.
func TestCommitIsSentOnce(t *testing.T) {
	name := newTable(t).name
	for i, c := range []struct {
		name  string
		fault dynamotest.Fault
	}{
		{"throttled", dynamotest.Throttled},
		{"broken", dynamotest.Fault{Status: http.StatusInternalServerError, Code: "InternalServerError"}},
		{"not sent", dynamotest.Fault{Err: errors.New("connection refused")}},
		{"lost", dynamotest.Fault{Err: errors.New("connection reset"), Apply: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent atomic.Int32
			s := dynamolog.New(dynamotest.FaultyClient(t, func(op string, _ int) dynamotest.Fault {
				if op != "PutItem" {
					return dynamotest.Fault{}
				}
				sent.Add(1)
				return c.fault
			}), name)
			p := audit.Page{Log: audit.LogID(i + 1), Edge: []tlog.Hash{{1}}, Checkpoint: []byte("signed")}
			if err := s.Commit(t.Context(), p); err == nil || errors.Is(err, audit.ErrTaken) {
				t.Errorf("Commit = %v, want an error that leaves the outcome open", err)
			}
			if n := sent.Load(); n != 1 {
				t.Errorf("the commit was sent %d times, want once", n)
			}
			if _, err := s.Last(t.Context(), p.Log); (err == nil) != c.fault.Apply {
				t.Errorf("Last after Commit: %v, want the page to be stored: %v", err, c.fault.Apply)
			}
		})
	}
}
