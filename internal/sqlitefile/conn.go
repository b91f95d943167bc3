package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// keptStatements is how many prepared statements a connection keeps. The drivers have about
// thirty texts; only the ledger's List makes more, one for each combination of conditions.
const keptStatements = 64

// conn is one connection with its prepared statements. One goroutine uses it at a time.
type conn struct {
	db   *sql.DB
	sql  *sql.Conn
	kept *simplelru.LRU[string, *sql.Stmt]
}

const (
	// lockWait is how long a connection waits for a lock of another program, in milliseconds.
	lockWait = "_pragma=busy_timeout(5000)"

	// No connection checkpoints by itself. The checkpointer does, so that no writer waits for it.
	noCheckpoint = "_pragma=wal_autocheckpoint(0)"

	// noTempFiles keeps in memory what a savepoint copies. SQLite would write it to a file in the
	// system's temporary folder, with the original values in it.
	noTempFiles = "_pragma=temp_store(MEMORY)"

	// durable has a commit wait for the disk, and a checkpoint too.
	durable = "_pragma=synchronous(FULL)"
)

// connect opens one connection to an existing file. The options are of SQLite's URIs and of
// the driver.
func connect(ctx context.Context, path string, options ...string) (*conn, error) {
	db, err := sql.Open("sqlite", dsn(path, append(options, noCheckpoint, durable)))
	if err != nil {
		return nil, classify(ctx, err)
	}
	kept, err := simplelru.NewLRU(keptStatements, func(_ string, s *sql.Stmt) { _ = s.Close() })
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, kept: kept}
	if c.sql, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(classify(ctx, err), db.Close())
	}
	return c, nil
}

// dsn names the file as an SQLite URI, so that no character of the path is taken for an
// option.
func dsn(path string, options []string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return "file:" + escaped + "?" + strings.Join(options, "&")
}

func (c *conn) close() error {
	c.kept.Purge()
	return errors.Join(c.sql.Close(), c.db.Close())
}

// statement returns the prepared statement of a text.
func (c *conn) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, found := c.kept.Get(text); found {
		return s, nil
	}
	s, err := c.sql.PrepareContext(ctx, text)
	if err == nil {
		c.kept.Add(text, s)
	}
	return s, err
}
