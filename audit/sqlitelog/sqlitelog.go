// Package sqlitelog keeps the ledger in an SQLite database, for one machine. It
// may share the file with the records: its tables begin with audit_.
//
//	audit_pages    a row a commit: first index, leaf hashes, edge, root, checkpoint, whether it was pruned
//	audit_entries  a row an entry: the line, and beside it the fields that queries use
//	audit_tiles    a row a full tile of 256 hashes (C2SP tlog-tiles)
//	audit_logs     the registered logs
//	audit_key      the verifier key
//
// A commit is one transaction with synchronous=FULL: it is on disk when it
// returns. Every column is checked against the signed page when the ledger is verified,
// so a change made with any SQLite tool is found and its row named. Lines that are
// pruned are overwritten in the file.
package sqlitelog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"modernc.org/sqlite" // also registers the driver

	"github.com/piinguin/piinguin/audit"
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

// walPages lets the write-ahead log grow to 8,000 pages (32 MB) before it is
// copied into the file: with the default of 1,000 that is a third of a commit's time.
const walPages = "_pragma=wal_autocheckpoint(8000)"

// readers is how many connections answer reads side by side.
const readers = 4

// Store is an audit.Store in an SQLite file.
type Store struct {
	lock        *flock.Flock
	write       *sql.DB // one connection; nil when opened to read only
	read        *sql.DB
	insertPage  *sql.Stmt
	insertEntry *sql.Stmt

	mu     sync.Mutex
	tilers map[string]*audit.Tiler // of each log, after the last page committed here
}

var _ audit.Store = (*Store)(nil)

// ErrInUse says that another process writes the file's ledger.
var ErrInUse = errors.New("sqlitelog: another server is using this file")

// Open opens the ledger in a file, making the file (mode 0600) and its tables
// where they are missing. One process may have it open; another one gets ErrInUse. What
// holds it is a lock on the file beside it with the suffix -lock, which ends with the process.
func Open(ctx context.Context, path string) (*Store, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("sqlitelog: open: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("sqlitelog: open: %w", err)
	}
	s := &Store{tilers: map[string]*audit.Tiler{}}
	err = s.takeLock(path)
	if err == nil {
		err = s.open(ctx, path)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// takeLock keeps a second server from the file, by whatever name it comes. SQLite
// itself would let both write, each with a clock and a queue of its own.
func (s *Store) takeLock(path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("sqlitelog: open: %w", err)
	}
	s.lock = flock.New(target+"-lock", flock.SetPermissions(0o600))
	locked, err := s.lock.TryLock()
	if err != nil {
		return fmt.Errorf("sqlitelog: lock: %w", err)
	}
	if !locked {
		return ErrInUse
	}
	return nil
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	if s.write, err = sql.Open("sqlite", dsn(path, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=secure_delete(1)", walPages)); err != nil {
		return failure("open", err)
	}
	s.write.SetMaxOpenConns(1)
	if _, err := s.write.ExecContext(ctx, schema); err != nil {
		return failure("make tables", err)
	}
	if s.insertPage, err = s.write.PrepareContext(ctx, `INSERT OR IGNORE INTO audit_pages VALUES (?,?,?,?,?,?,?,0)`); err != nil {
		return failure("prepare", err)
	}
	if s.insertEntry, err = s.write.PrepareContext(ctx, `INSERT INTO audit_entries VALUES (?,?,?,?,?,?,?,?,?)`); err != nil {
		return failure("prepare", err)
	}
	return s.openReaders(ctx, path, "_pragma=query_only(1)")
}

// OpenReadOnly opens the ledger in an existing file for a reviewer. Nothing can
// be written through it; a server may be writing at the same time.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlitelog: open: %w", err)
	}
	s := &Store{}
	err := s.openReaders(ctx, path, "mode=ro")
	if err != nil && closed(path) {
		// SQLite makes files beside one that is written ahead, to read as well. Of a copy in a
		// folder that is not to be written, nobody else writes the file either.
		err = errors.Join(s.Close(), s.openReaders(ctx, path, "immutable=1"))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// closed reports whether nothing of the file stands in a log beside it.
func closed(path string) bool {
	_, err := os.Stat(path + "-wal")
	return errors.Is(err, fs.ErrNotExist)
}

func (s *Store) openReaders(ctx context.Context, path, option string) (err error) {
	if s.read, err = sql.Open("sqlite", dsn(path, option)); err != nil {
		return failure("open", err)
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	var n int
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'audit_pages'`).Scan(&n)
	if err != nil {
		return failure("open", err)
	}
	if n == 0 {
		return errors.New("sqlitelog: open: the file holds no ledger")
	}
	return nil
}

// dsn names the file as an SQLite URI, so that no character of the path is taken
// for an option.
func dsn(path string, options ...string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return "file:" + escaped + "?" + strings.Join(append(options, "_pragma=busy_timeout(5000)"), "&")
}

// Close closes the file.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// failure is an error that says which operation failed and SQLite's code, but
// none of its text, which may quote what is stored.
func failure(operation string, err error) error {
	var e *sqlite.Error
	switch {
	case errors.As(err, &e):
		return fmt.Errorf("sqlitelog: %s: SQLite error %d (%s)", operation, e.Code(), sqlite.ErrorCodeString[e.Code()&0xff])
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("sqlitelog: %s: %w", operation, err)
	}
	return fmt.Errorf("sqlitelog: %s failed", operation)
}
