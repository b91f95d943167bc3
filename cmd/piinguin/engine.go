package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/audit/sqlitelog"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/awsx/dynamotable"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/sqlitestore"
	"github.com/piinguin/piinguin/server/store"
)

const (
	defaultStore   = "sqlite:piinguin.db"
	sqlitePrefix   = "sqlite:"
	dynamodbEngine = "dynamodb"

	// dynamodbLogs is how many logs a server writes on DynamoDB, where a commit
	// takes milliseconds; on SQLite one log is as fast as the disk.
	dynamodbLogs = 4
)

// storeFlags are the flags that say where records and ledger are kept.
type storeFlags struct {
	store      string
	table      string
	auditTable string
}

// addLedger adds what a reviewer needs, who has nothing to do with the records.
func (w *storeFlags) addLedger(flags *pflag.FlagSet, store, usage string) {
	flags.StringVar(&w.store, "store", store, usage)
	w.addAuditTable(flags)
}

func (w *storeFlags) addTables(flags *pflag.FlagSet) {
	flags.StringVar(&w.table, "table-name", "piinguin", "DynamoDB `table` of the records; also PIINGUIN_DYNAMODB_TABLE")
	w.addAuditTable(flags)
}

func (w *storeFlags) addAuditTable(flags *pflag.FlagSet) {
	flags.StringVar(&w.auditTable, "audit-table-name", "piinguin-audit", "DynamoDB `table` of the ledger")
}

// sqlite returns the path of an SQLite store, or says that it is DynamoDB.
func (w *storeFlags) sqlite() (path string, isSQLite bool, err error) {
	path, isSQLite = strings.CutPrefix(w.store, sqlitePrefix)
	switch {
	case isSQLite && path != "":
		return path, true, nil
	case w.store == dynamodbEngine:
		return "", false, nil
	}
	return "", false, errors.New("--store must be sqlite:PATH or dynamodb")
}

// engine is where a server keeps its records and its ledger.
type engine struct {
	records store.Store
	ledger  audit.Store
	leases  audit.Leases // nil: the server has the engine to itself
	logs    int
	close   func() error
}

// open opens the engine of a server.
func (w *storeFlags) open(ctx context.Context) (*engine, error) {
	path, isSQLite, err := w.sqlite()
	if err != nil {
		return nil, err
	}
	if isSQLite {
		return openSQLite(ctx, path)
	}
	client, err := dynamoClient(ctx)
	if err != nil {
		return nil, err
	}
	for _, table := range []string{w.table, w.auditTable} {
		if err := dynamotable.Find(ctx, client, table); err != nil {
			return nil, fmt.Errorf("%w; `piinguin tables create` makes it", err)
		}
	}
	ledger := dynamolog.New(client, w.auditTable)
	deriving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { ledger.Derive(deriving) })
	return &engine{
		records: dynamostore.New(client, w.table), ledger: ledger, leases: ledger, logs: dynamodbLogs,
		close: func() error { stop(); done.Wait(); return nil },
	}, nil
}

func openSQLite(ctx context.Context, path string) (*engine, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the store's folder: %w", err)
	}
	ledger, err := sqlitelog.Open(ctx, path) // first: it refuses a file that another server has
	if err != nil {
		return nil, err
	}
	records, err := sqlitestore.Open(ctx, path)
	if err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	return &engine{
		records: records, ledger: ledger, logs: 1,
		close: func() error { return errors.Join(ledger.Close(), records.Close()) },
	}, nil
}

// writeLedger opens the ledger alone, to write.
func (w *storeFlags) writeLedger(ctx context.Context) (audit.Store, func() error, error) {
	path, isSQLite, err := w.sqlite()
	if err != nil {
		return nil, nil, err
	}
	if !isSQLite {
		return w.review(ctx)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, nil, fmt.Errorf("--store: %w", err)
	}
	ledger, err := sqlitelog.Open(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	return ledger, ledger.Close, nil
}

// review opens the ledger for a reviewer, to read only.
func (w *storeFlags) review(ctx context.Context) (audit.Store, func() error, error) {
	path, isSQLite, err := w.sqlite()
	if err != nil {
		return nil, nil, err
	}
	if isSQLite {
		ledger, err := sqlitelog.OpenReadOnly(ctx, path)
		if err != nil {
			return nil, nil, err
		}
		return ledger, ledger.Close, nil
	}
	client, err := dynamoClient(ctx)
	if err != nil {
		return nil, nil, err
	}
	return dynamolog.New(client, w.auditTable), func() error { return nil }, nil
}

// dynamoClient makes a client from the AWS SDK's own settings.
func dynamoClient(ctx context.Context) (*dynamodb.Client, error) {
	cfg, err := awsx.Config(ctx)
	if err != nil {
		return nil, err
	}
	return dynamodb.NewFromConfig(cfg), nil
}
