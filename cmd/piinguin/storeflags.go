package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/engine"
)

const (
	defaultStore   = "sqlite:piinguin.db"
	sqlitePrefix   = "sqlite:"
	dynamodbEngine = "dynamodb"
)

// storeFlags are the flags that say where records and ledger are stored.
type storeFlags struct {
	engine     string // sqlite:PATH or dynamodb
	table      string // of the records; DynamoDB only, as the next. Empty: the default
	auditTable string
}

// The DynamoDB tables that no flag names.
const (
	defaultTable      = "piinguin"
	defaultAuditTable = "piinguin-audit"
)

func (f *storeFlags) tableName() string { return cmp.Or(f.table, defaultTable) }

func (f *storeFlags) auditTableName() string { return cmp.Or(f.auditTable, defaultAuditTable) }

// addLedger adds the flags of a command that works with the ledger alone.
func (f *storeFlags) addLedger(flags *pflag.FlagSet, store, usage string) {
	flags.StringVar(&f.engine, "store", store, usage)
	f.addAuditTable(flags)
}

func (f *storeFlags) addTables(flags *pflag.FlagSet) {
	flags.StringVar(&f.table, "table-name", "", "DynamoDB `table` of the records; also PIINGUIN_DYNAMODB_TABLE or PIINGUIN_DYNAMO_TABLE (default "+defaultTable+")")
	f.addAuditTable(flags)
}

func (f *storeFlags) addAuditTable(flags *pflag.FlagSet) {
	flags.StringVar(&f.auditTable, "audit-table-name", "", "DynamoDB `table` of the ledger (default "+defaultAuditTable+")")
}

// sqlite returns the path of an SQLite store. isSQLite is false if --store names DynamoDB. A table of
// DynamoDB beside SQLite is an error: whoever names one means that the data goes there.
func (f *storeFlags) sqlite() (path string, isSQLite bool, err error) {
	path, isSQLite = strings.CutPrefix(f.engine, sqlitePrefix)
	switch {
	case isSQLite && (f.table != "" || f.auditTable != ""):
		return "", false, errors.New("a DynamoDB table is named (--table-name, --audit-table-name, " + strings.Join(settings.EnvNames("table-name"), ", ") +
			" or " + settings.EnvName("audit-table-name") + "), and --store says SQLite: set --store dynamodb, or name no table")
	case isSQLite && path != "":
		return path, true, nil
	case f.engine == dynamodbEngine:
		return "", false, f.checkTables()
	}
	return "", false, errors.New("--store must be sqlite:PATH or dynamodb")
}

// tablePattern is what DynamoDB takes for the name of a table: a name, or an ARN.
var tablePattern = regexp.MustCompile(`^([A-Za-z0-9_.-]{3,255}|arn:.+)$`)

// checkTables holds the names of tables to DynamoDB's rules: its own answer does not say which name broke them.
func (f *storeFlags) checkTables() error {
	for _, t := range []struct{ flag, name string }{{"table-name", f.tableName()}, {"audit-table-name", f.auditTableName()}} {
		if !tablePattern.MatchString(t.name) {
			return fmt.Errorf("--%s (%s) must have 3 to 255 letters, digits, dots, hyphens and underscores, or be the ARN of a table", t.flag, strings.Join(settings.EnvNames(t.flag), ", "))
		}
	}
	return nil
}

// open opens records and ledger for a server.
func (f *storeFlags) open(ctx context.Context, log zerolog.Logger) (*engine.Engine, error) {
	path, isSQLite, err := f.sqlite()
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
	return engine.OpenDynamoDB(ctx, client, f.tableName(), f.auditTableName(), log)
}

// writeLedger opens the ledger alone, to write.
func (f *storeFlags) writeLedger(ctx context.Context) (audit.Store, func() error, error) {
	path, isSQLite, err := f.sqlite()
	if err != nil {
		return nil, nil, err
	}
	if isSQLite {
		return engine.SQLiteLedger(ctx, path)
	}
	return f.review(ctx)
}

// review opens the ledger for a reviewer, to read only.
func (f *storeFlags) review(ctx context.Context) (audit.Store, func() error, error) {
	path, isSQLite, err := f.sqlite()
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
	store := dynamolog.New(client, f.auditTableName())
	if _, err := store.VerifierKey(ctx); errors.Is(err, audit.ErrFormat) {
		return nil, nil, err // no page of it would be found, as in an empty table
	}
	return store, func() error { return nil }, nil
}

// dynamoClient makes a client from the AWS SDK's own settings.
func dynamoClient(ctx context.Context) (*dynamodb.Client, error) {
	cfg, err := awsx.Config(ctx)
	if err != nil {
		return nil, err
	}
	return dynamodb.NewFromConfig(cfg), nil
}
