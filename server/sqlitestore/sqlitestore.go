// Package sqlitestore keeps records in an SQLite file, for one machine. The ledger may
// live in the same file: this package has the table records and no other.
//
//	file, err := sqlitefile.Open(ctx, "piinguin.db", sqlitefile.Config{})
//	...
//	records, err := sqlitestore.New(ctx, file)
//
// A write is on disk when it returns. A call with many records is written in pieces of
// sqlitefile.MaxRows, each a transaction that it shares with other calls, so that the ledger in
// the same file never waits long. Reads have connections of their own, which no writer
// blocks.
//
// What is erased or replaced is overwritten where it stands (secure_delete). That is not every copy:
// when SQLite splits a full page it leaves the old cells in free space of the page, which only VACUUM
// removes. The write-ahead log beside the file may hold older pages until the server is stopped,
// when SQLite removes it.
package sqlitestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/piinguin/piinguin/internal/gather"
	"github.com/piinguin/piinguin/internal/sqlitefile"
	"github.com/piinguin/piinguin/server/store"
)

// A row without original_value is a tombstone. Its observed_at is that of the record that was
// erased, and the zero time where there was none.
const schema = `
CREATE TABLE IF NOT EXISTS records (
	modified_value  TEXT PRIMARY KEY NOT NULL,
	original_value  TEXT,
	observed_at     TEXT NOT NULL,
	stored_at       TEXT NOT NULL,
	erased_at       TEXT,
	field_name      TEXT NOT NULL DEFAULT '',
	json_path       TEXT NOT NULL DEFAULT '',
	schema          TEXT NOT NULL DEFAULT '',
	hash_function   TEXT NOT NULL DEFAULT '',
	parent_event_id TEXT NOT NULL DEFAULT '',
	CHECK ((original_value IS NULL) = (erased_at IS NOT NULL))
) STRICT, WITHOUT ROWID;`

// Store is a store.Store in an SQLite file.
type Store struct {
	file   *sqlitefile.File
	single *gather.Gatherer[string, store.GetResult] // reads of one key
}

var _ store.Store = (*Store)(nil)

// New returns the records in a file, and makes their table where it is missing. The file
// stays the caller's to close; after that every call fails with store.ErrUnavailable.
func New(ctx context.Context, file *sqlitefile.File) (*Store, error) {
	err := file.WriteRows(ctx, 1, func(w sqlitefile.Writer) error {
		_, err := w.Exec(schema)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: make the table: %w", err)
	}
	s := &Store{file: file}
	s.single = gather.New(gathered, s.shared, func(ctx context.Context) store.GetResult {
		return store.GetResult{Err: failure("read", ctx.Err())}
	})
	return s, nil
}

// errRow says that a row is not as this package writes them.
var errRow = fmt.Errorf("%w: the row was changed by something else", store.ErrUnavailable)

// failure makes an error of the file one of the contract.
func failure(operation string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("sqlitestore: %s: %w", operation, err)
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, operation, err)
}
