// Package sqlitelog keeps the ledger in an SQLite file, for one machine. The records may
// live in the same file: the ledger's tables begin with audit_.
//
//	file, err := sqlitefile.Open(ctx, "piinguin.db", sqlitefile.Config{})
//	...
//	ledger, err := sqlitelog.New(ctx, file)
//
// The tables:
//
//	audit_pages    a row a commit: first index, leaf hashes, edge, root, checkpoint, whether it was pruned
//	audit_entries  a row an entry: the line, and beside it the fields that queries use
//	audit_tiles    a row a full tile of 256 hashes (C2SP tlog-tiles)
//	audit_logs     the registered logs
//	audit_key      the verifier key
//
// A commit is on disk when it returns. It goes first in a transaction that writes of records
// may share. Verify checks every column against the signed page, so it finds a change that any
// SQLite tool made, and names the row. Lines that are pruned are overwritten where
// they stand; copies may stay in free space of the file until VACUUM.
//
// Reviewers may read the tables with any SQLite program beside the server.
package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

const schema = `
CREATE TABLE IF NOT EXISTS audit_pages (
	log        TEXT NOT NULL,
	number     INTEGER NOT NULL,
	first      INTEGER NOT NULL,
	leaves     BLOB NOT NULL,
	edge       BLOB NOT NULL,
	root       BLOB NOT NULL,
	checkpoint TEXT NOT NULL,
	pruned     INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (log, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit_entries (
	log            TEXT NOT NULL,
	idx            INTEGER NOT NULL,
	time           TEXT NOT NULL,
	operation      TEXT NOT NULL,
	outcome        TEXT NOT NULL,
	caller         TEXT NOT NULL,
	basis          TEXT NOT NULL,
	modified_value TEXT NOT NULL,
	line           TEXT NOT NULL,
	PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS audit_entries_time ON audit_entries (time);
CREATE INDEX IF NOT EXISTS audit_entries_subject ON audit_entries (modified_value, time) WHERE modified_value <> '';
CREATE INDEX IF NOT EXISTS audit_entries_caller ON audit_entries (caller, time);
CREATE TABLE IF NOT EXISTS audit_tiles (
	log    TEXT NOT NULL,
	level  INTEGER NOT NULL,
	number INTEGER NOT NULL,
	hashes BLOB NOT NULL,
	PRIMARY KEY (log, level, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit_logs (log TEXT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit_key (
	id       INTEGER PRIMARY KEY CHECK (id = 0),
	verifier TEXT NOT NULL
) STRICT;`

// Store is an audit.Store in an SQLite file.
//
// What a reviewer asks for is read with connections of the file that the ledger's own reads do
// not use: a query through a large ledger takes seconds, and no append may wait for it.
type Store struct {
	rows      // for reviewers: Index and Tiles
	own  rows // for the ledger itself
	file *sqlitefile.File

	mu     sync.Mutex
	tilers map[string]*audit.Tiler // of each log, after the last page committed here
}

var _ audit.Store = (*Store)(nil)

// New returns the ledger in a file, and makes its tables where they are missing. In a file that
// was opened to read only it makes nothing, and fails if there is no ledger. The file stays
// the caller's to close.
func New(ctx context.Context, file *sqlitefile.File) (*Store, error) {
	s := &Store{rows: rows{file.Review}, own: rows{file.Read}, file: file, tilers: map[string]*audit.Tiler{}}
	if !file.ReadOnly() {
		return s, s.write(ctx, "make tables", func(w sqlitefile.Writer) error {
			_, err := w.Exec(schema)
			return err
		})
	}
	var n int
	err := s.own.first(ctx, "open", `SELECT count(*) FROM sqlite_schema WHERE name = 'audit_pages'`, nil, &n)
	if err == nil && n == 0 {
		err = errors.New("sqlitelog: open: the file holds no ledger; to copy a running server's file, copy its -wal as well")
	}
	return s, err
}

// write runs one write of the ledger.
func (s *Store) write(ctx context.Context, operation string, run func(sqlitefile.Writer) error) error {
	return failure(operation, s.file.WritePage(ctx, run))
}

// rows reads the ledger's rows with one kind of the file's connections.
type rows struct {
	with func(ctx context.Context, run func(sqlitefile.Reader) error) error
}

// read runs queries on one connection.
func (s rows) read(ctx context.Context, operation string, run func(sqlitefile.Reader) error) error {
	return failure(operation, s.with(ctx, run))
}

// first scans the first row of a query's answer, or returns audit.ErrNotFound.
func (s rows) first(ctx context.Context, operation, query string, args sqlitefile.Args, into ...any) error {
	return s.read(ctx, operation, func(r sqlitefile.Reader) error {
		found, err := r.First(query, args, into...)
		if err == nil && !found {
			return audit.ErrNotFound
		}
		return err
	})
}

// each calls row for each row of a query's answer.
func (s rows) each(ctx context.Context, operation, query string, args sqlitefile.Args, row func(sqlitefile.Scan) error) error {
	return s.read(ctx, operation, func(r sqlitefile.Reader) error { return r.Each(query, args, row) })
}

// failure says which operation failed. What audit itself has a name for stays as it is.
func failure(operation string, err error) error {
	var row *audit.RowError
	if err == nil || errors.Is(err, audit.ErrNotFound) || errors.Is(err, audit.ErrTaken) || errors.As(err, &row) {
		return err
	}
	if errors.Is(err, sqlitefile.ErrMoved) { // for good: a caller must not wait for it
		err = fmt.Errorf("%w: %w", audit.ErrLost, err)
	}
	return fmt.Errorf("sqlitelog: %s: %w", operation, err)
}
