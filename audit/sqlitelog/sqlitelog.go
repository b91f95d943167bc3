// Package sqlitelog keeps the ledger in an SQLite file, for one machine. The records may
// live in the same file: the ledger's tables begin with audit_.
//
//	file, err := sqlitefile.Open(ctx, "piinguin.db", sqlitefile.Config{})
//	...
//	store, err := sqlitelog.New(ctx, file)
//
// The tables:
//
//	audit_pages    a row a commit; id is the log's number * 2^40 + the page's, lines the entries' lines
//	               as an export has them; a stub has leaves in place of lines
//	audit_blobs    a row for each thing derived from pages, such as a full tile of 256 hashes
//	audit_ledger   the verifier key, under the ledger's name
//	audit_entries  a view: a row an entry, with its fields as columns
//
// A commit is on disk when it returns. It is one row, and goes first in a transaction that writes of
// records may share. Verify reads every row, so it finds a change that any SQLite tool made, and names
// the row; tables, view and indexes are compared with the text that made them. Lines that are pruned
// are overwritten where they stand; copies may stay in free space of the file until VACUUM.
//
// Reviewers may read the tables and the view with any SQLite program beside the server. A condition
// on time is settled before any line is parsed.
package sqlitelog

import (
	"context"
	"errors"
	"fmt"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// Store is an audit.Store in an SQLite file.
type Store struct {
	rows
	file *sqlitefile.File
}

var _ audit.Store = (*Store)(nil)

// New returns the ledger in a file, and makes its tables where there are none. In a file that was
// opened to read only it makes nothing, and fails if there is no ledger. The error is audit.ErrFormat
// if the file holds a ledger of another format. Where tables were changed, every call of the Store
// fails with an *audit.RowError. The file stays the caller's to close.
func New(ctx context.Context, file *sqlitefile.File) (*Store, error) {
	s := &Store{rows: rows{with: file.Read}, file: file}
	var found map[string]string
	err := s.read(ctx, "open", func(r sqlitefile.Reader) (err error) { found, err = objects(r); return err })
	if err != nil {
		return nil, err
	}
	faults, absent, err := examineSchema(found)
	switch {
	case err != nil:
		return nil, err
	case absent && file.ReadOnly():
		return nil, errors.New("sqlitelog: open: the file holds no ledger; to copy a running server's file, copy its -wal as well")
	case absent:
		return s, s.make(ctx)
	case len(faults) > 0:
		s.fault = faults[0]
	}
	return s, nil
}

// Reviews implements audit.Backend. What a reviewer asks for is read with connections of the file that
// the ledger's own reads do not use: reading through a large ledger takes seconds, and no append may
// wait for it.
func (s *Store) Reviews() audit.Reader { return rows{s.file.Review, s.fault} }

// write runs one write of the ledger.
func (s *Store) write(ctx context.Context, operation string, run func(sqlitefile.Writer) error) error {
	if s.fault != nil {
		return s.fault
	}
	return failure(operation, s.file.WritePage(ctx, run))
}

// rows reads the ledger's rows with one kind of the file's connections.
type rows struct {
	with  func(ctx context.Context, run func(sqlitefile.Reader) error) error
	fault *audit.RowError // of the schema
}

// read runs queries on one connection.
func (s rows) read(ctx context.Context, operation string, run func(sqlitefile.Reader) error) error {
	if s.fault != nil {
		return s.fault
	}
	return failure(operation, s.with(ctx, run))
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
