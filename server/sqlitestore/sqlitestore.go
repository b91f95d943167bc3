// Package sqlitestore keeps records in an SQLite file, for one machine. The ledger
// may live in the same file: this package has the table records and no other.
//
// A write is on disk when it returns (WAL, synchronous=FULL). Concurrent writes
// share transactions, and with them the wait for the disk. Reads have connections of
// their own, which no writer blocks.
//
// What is erased or replaced is overwritten in the file (secure_delete). The
// write-ahead log beside it may hold older pages until the server is stopped, when
// SQLite removes it.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite" // also registers the driver

	"github.com/piinguin/piinguin/server/store"
)

// A row without original_value is a tombstone; its observed_at is that of what was
// erased, and the zero time where nothing was.
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

// readers is how many connections answer reads side by side.
const readers = 4

// Store is a store.Store in an SQLite file.
type Store struct {
	write *sql.DB // one connection: SQLite has one writer at a time
	read  *sql.DB

	readOne, standing, put, erase *sql.Stmt

	jobs    chan *job
	closing chan struct{}
	done    chan struct{} // the writer has ended
}

var _ store.Store = (*Store)(nil)

// Open opens the records in a file, making the file (mode 0600) and its table where
// they are missing. Close the Store when it is no longer used.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := create(path)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open: %w", err)
	}
	s := &Store{jobs: make(chan *job), closing: make(chan struct{}), done: make(chan struct{})}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(err, s.closeFile())
	}
	go s.writer()
	return s, nil
}

// create makes the file where it is missing: SQLite itself would make it readable
// by others. Its log takes the same mode.
func create(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	return path, f.Close()
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	if s.write, err = sql.Open("sqlite", dsn(path, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=secure_delete(1)")); err != nil {
		return openError(err)
	}
	s.write.SetMaxOpenConns(1)
	if _, err = s.write.ExecContext(ctx, schema); err != nil {
		return openError(err)
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "_pragma=query_only(1)")); err != nil {
		return openError(err)
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	for _, p := range []struct {
		stmt **sql.Stmt
		db   *sql.DB
		text string
	}{
		{&s.readOne, s.read, selectRecords + `(?)`},
		{&s.standing, s.write, selectStanding},
		{&s.put, s.write, putRecord},
		{&s.erase, s.write, putTombstone},
	} {
		if *p.stmt, err = p.db.PrepareContext(ctx, p.text); err != nil {
			return openError(err)
		}
	}
	return nil
}

// dsn names the file as an SQLite URI, so that no character of the path is taken
// for an option. The busy timeout is for the ledger's writer in the same file.
func dsn(path string, options ...string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return "file:" + escaped + "?" + strings.Join(append(options, "_pragma=busy_timeout(5000)"), "&")
}

// Close lets the writes under way end, then closes the file. Later calls fail with
// store.ErrUnavailable. Close it once.
func (s *Store) Close() error {
	close(s.closing)
	<-s.done
	return s.closeFile()
}

func (s *Store) closeFile() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// errRow says that a row is not as this package writes them.
var errRow = fmt.Errorf("%w: the row was changed by something else", store.ErrUnavailable)

// openError names SQLite's code without its text.
func openError(err error) error {
	if code, ok := sqliteCode(err); ok {
		return fmt.Errorf("sqlitestore: open: %s", code)
	}
	return fmt.Errorf("sqlitestore: open: %w", err)
}

// failure classifies an error by a fixed text: SQLite's own may quote what is stored.
func failure(ctx context.Context, operation string, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return fmt.Errorf("sqlitestore: %s: %w", operation, ctxErr)
	}
	if code, ok := sqliteCode(err); ok {
		return fmt.Errorf("%w: %s: %s", store.ErrUnavailable, operation, code)
	}
	return fmt.Errorf("%w: %s", store.ErrUnavailable, operation)
}

func sqliteCode(err error) (string, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return "", false
	}
	return fmt.Sprintf("SQLite error %d %s", e.Code(), sqlite.ErrorCodeString[e.Code()&0xff]), true
}
