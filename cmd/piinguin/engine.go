package main

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/engine"
)

const (
	defaultStore   = "sqlite:piinguin.db"
	sqlitePrefix   = "sqlite:"
	dynamodbEngine = "dynamodb"
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

// open opens records and ledger for a server.
func (w *storeFlags) open(ctx context.Context, log zerolog.Logger) (*engine.Engine, error) {
	path, isSQLite, err := w.sqlite()
	if err != nil {
		return nil, err
	}
	if isSQLite {
		return engine.OpenSQLite(ctx, path, log)
	}
	client, err := dynamoClient(ctx)
	if err != nil {
		return nil, err
	}
	return engine.OpenDynamoDB(ctx, client, w.table, w.auditTable)
}

// writeLedger opens the ledger alone, to write.
func (w *storeFlags) writeLedger(ctx context.Context) (audit.Store, func() error, error) {
	path, isSQLite, err := w.sqlite()
	if err != nil {
		return nil, nil, err
	}
	if isSQLite {
		return engine.SQLiteLedger(ctx, path)
	}
	return w.review(ctx)
}

// review opens the ledger for a reviewer, to read only.
func (w *storeFlags) review(ctx context.Context) (audit.Store, func() error, error) {
	path, isSQLite, err := w.sqlite()
	if err != nil {
		return nil, nil, err
	}
	if isSQLite {
		return engine.ReviewSQLite(ctx, path)
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
