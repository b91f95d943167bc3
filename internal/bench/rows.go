package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/engine"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// records is how many records are read from.
const records = 1000

func keyOf(worker int) string { return "bench-" + strconv.Itoa(worker%records) }

// rowsOf sets everything up; done takes it down.
func rowsOf(ctx context.Context, endpoint, dir string, events int) (rows []row, done func(), err error) {
	var closers []func()
	done = func() {
		for _, c := range closers {
			c()
		}
	}
	add := func(name, base string, s piinguinv1.Piinguin, handler http.Handler) error {
		if handler == nil {
			handler = piinguinv1.NewPiinguinServer(s)
		}
		once, stop, err := reader(handler)
		if err != nil {
			return err
		}
		closers = append(closers, stop)
		rows = append(rows, row{name: name, once: once, base: base})
		return nil
	}
	if err := add("twirp echo", "", echo{}, nil); err != nil {
		return nil, done, err
	}
	sqlite, stop, err := onSQLite(ctx, filepath.Join(dir, "bench.db"))
	if err != nil {
		return nil, done, err
	}
	closers = append(closers, stop)
	if err := add("audited read, SQLite", "twirp echo", nil, sqlite); err != nil {
		return nil, done, err
	}
	db := dynamoClient(endpoint)
	raw, err := rawDynamo(ctx, db)
	if err != nil {
		return nil, done, err
	}
	rows = append(rows, raw)
	dynamo, stop, err := onDynamo(ctx, db)
	if err != nil {
		return nil, done, err
	}
	closers = append(closers, stop)
	if err := add("audited read, DynamoDB", raw.name, nil, dynamo); err != nil {
		return nil, done, err
	}
	file := filepath.Join(dir, "events.tsv")
	if err := eventsFile(file, events); err != nil {
		return nil, done, err
	}
	for _, to := range []struct {
		name    string
		handler http.Handler
	}{{"replay, SQLite, events", sqlite}, {"replay, DynamoDB, events", dynamo}} {
		r, stop, err := replayRow(to.name, file, to.handler)
		if err != nil {
			return nil, done, err
		}
		rows, closers = append(rows, r), append(closers, stop)
	}
	return rows, done, nil
}

// echo is the least that a Twirp server can do.
type echo struct{ piinguinv1.Piinguin }

func (echo) ReadPiiRecord(_ context.Context, req *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	return &piinguinv1.ReadPiiRecordResponse{PiiRecord: &piinguinv1.PiiRecord{
		ModifiedValue: req.GetModifiedValue(), OriginalValue: "somebody@example.com",
	}}, nil
}

// reader serves the handler on loopback and reads through the protobuf client.
func reader(handler http.Handler) (func(context.Context, int) error, func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	h := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = h.Serve(listener) }()
	c, err := client.New(client.Config{Host: "http://" + listener.Addr().String(), Token: "dev-reader"})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, worker int) error {
		_, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
			ModifiedValue: keyOf(worker), ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT, Purpose: "bench",
		})
		return err
	}, func() { _ = h.Close() }, nil
}

// audited is the whole server over an engine.
func audited(ctx context.Context, e *engine.Engine) (http.Handler, error) {
	if err := fill(ctx, e.Records); err != nil {
		return nil, err
	}
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	ledger, err := audit.Open(ctx, audit.Config{Store: e.Ledger, Key: key, Logs: e.Logs})
	if err != nil {
		return nil, err
	}
	s, err := server.New(server.Config{Ledger: ledger, Store: e.Records, Callers: identity.DevTokens(), Policy: policy.NewBuiltin()})
	if err != nil {
		return nil, err
	}
	return s.Handler(), nil
}

func fill(ctx context.Context, s store.Store) error {
	var batch []store.Record
	for i := range records {
		batch = append(batch, store.Record{
			ModifiedValue: keyOf(i), Original: store.NewOriginal("somebody@example.com"), ObservedAt: time.Now(),
		})
		if len(batch) < store.MaxBatch && i < records-1 {
			continue
		}
		for _, r := range s.Put(ctx, batch) {
			if r.Err != nil {
				return r.Err
			}
		}
		batch = nil
	}
	return nil
}

func onSQLite(ctx context.Context, path string) (http.Handler, func(), error) {
	e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
	if err != nil {
		return nil, nil, err
	}
	h, err := audited(ctx, e)
	return h, func() { _ = e.Close() }, err
}

func dynamoClient(endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("bench", "bench", ""),
		HTTPClient:  awsx.NewHTTPClient(),
	})
}

func onDynamo(ctx context.Context, db *dynamodb.Client) (http.Handler, func(), error) {
	table, auditTable := newName("records"), newName("audit")
	for _, schema := range []*dynamodb.CreateTableInput{dynamostore.Schema(table), dynamolog.Schema(auditTable)} {
		if _, err := db.CreateTable(ctx, schema); err != nil {
			return nil, nil, err
		}
	}
	e, err := engine.OpenDynamoDB(ctx, db, table, auditTable, zerolog.Nop())
	if err != nil {
		return nil, nil, err
	}
	h, err := audited(ctx, e)
	return h, func() { _ = e.Close() }, err
}

func newName(of string) string { return fmt.Sprintf("bench-%s-%d", of, time.Now().UnixNano()) }

// rawDynamo reads an item and writes an audit item with the SDK and nothing else:
// what a program without group commit would do at the least.
func rawDynamo(ctx context.Context, db *dynamodb.Client) (row, error) {
	table := newName("raw")
	if _, err := db.CreateTable(ctx, dynamostore.Schema(table)); err != nil {
		return row{}, err
	}
	if err := fill(ctx, dynamostore.New(db, table)); err != nil {
		return row{}, err
	}
	return row{name: "raw GetItem, then PutItem", once: func(ctx context.Context, worker int) error {
		out, err := db.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &table, ConsistentRead: aws.Bool(true),
			Key: map[string]types.AttributeValue{"modifiedValue": &types.AttributeValueMemberS{Value: keyOf(worker)}},
		})
		if err != nil {
			return err
		}
		if out.Item == nil {
			return errors.New("the record is not there")
		}
		_, err = db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
			"modifiedValue": &types.AttributeValueMemberS{Value: "audit-" + rand.Text()},
			"entry":         &types.AttributeValueMemberS{Value: entryOfUsualSize},
		}})
		return err
	}}, nil
}

// entryOfUsualSize has as many bytes as a usual entry of the ledger.
var entryOfUsualSize = fmt.Sprintf("%0300d", 0)
