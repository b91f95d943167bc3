package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/sqlitelog"
	"github.com/piinguin/piinguin/internal/durable"
	"github.com/piinguin/piinguin/internal/sqlitefile"
	"github.com/piinguin/piinguin/server/sqlitestore"
)

// OpenSQLite opens records and ledger in one file for a server, and makes the file and its
// folder (modes 0600 and 0700) where they are missing. It fails with sqlitefile.ErrInUse if
// another server has the file. The log gets the lines of sqlitefile.Config.
func OpenSQLite(ctx context.Context, path string, log zerolog.Logger) (*Engine, error) {
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the store's folder: %w", err)
	}
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Config{Log: log})
	if err != nil {
		return nil, err
	}
	ledger, err := sqlitelog.New(ctx, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	records, err := sqlitestore.New(ctx, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Engine{
		// A commit takes as long as the disk, so a second log would only wait beside the first.
		Records: records, Ledger: ledger, Logs: 1,
		Metrics: []prometheus.Collector{pinned(file)}, close: file.Close,
	}, nil
}

func pinned(file *sqlitefile.File) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "piinguin_sqlite_log_pinned",
		Help: "1 while another program keeps reading an old state of the SQLite file, so that its write-ahead log grows.",
	}, func() float64 {
		if file.LogPinned() {
			return 1
		}
		return 0
	})
}

// SQLiteLedger opens the ledger of an existing file alone, to write, and returns how to close
// it. It fails with sqlitefile.ErrInUse beside a server.
func SQLiteLedger(ctx context.Context, path string) (audit.Store, func() error, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil, fmt.Errorf("open the ledger: %w", err)
	}
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Config{})
	return ledgerIn(ctx, file, err)
}

// ReviewSQLite opens the ledger of an existing file to read only, beside a server or without
// one, and returns how to close it.
func ReviewSQLite(ctx context.Context, path string) (audit.Store, func() error, error) {
	file, err := sqlitefile.OpenReadOnly(ctx, path)
	return ledgerIn(ctx, file, err)
}

func ledgerIn(ctx context.Context, file *sqlitefile.File, err error) (audit.Store, func() error, error) {
	if err != nil {
		return nil, nil, err
	}
	ledger, err := sqlitelog.New(ctx, file)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return ledger, file.Close, nil
}
