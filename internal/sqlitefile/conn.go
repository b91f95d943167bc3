package sqlitefile

import (
	"context"
	"errors"
	"strings"

	"zombiezen.com/go/sqlite"
)

// conn is one connection. It keeps the statement of each text that it has run, so texts must be
// few: the drivers have about thirty. One goroutine uses it at a time.
type conn struct{ sqlite *sqlite.Conn }

// What a connection is told when it is opened, as PRAGMA takes it.
const (
	// lockWait is how long a connection waits for a lock of another program, in milliseconds.
	lockWait = "busy_timeout(5000)"

	// No connection checkpoints by itself. The checkpointer does, so that no writer waits for it.
	noCheckpoint = "wal_autocheckpoint(0)"

	// noTempFiles keeps in memory what a savepoint copies. SQLite would write it to a file in the
	// system's temporary folder, with the original values in it.
	noTempFiles = "temp_store(MEMORY)"

	// smallCache is for commands that read a ledger once through, with all connections: the 2 MB that
	// SQLite keeps by itself for each are of no use to them.
	smallCache = "cache_size(-500)"

	// durable has a commit wait for the disk, and a checkpoint too.
	durable = "synchronous(FULL)"
)

// How a file is opened, as SQLite's URIs have it.
const (
	toWrite   = "mode=rw"
	toRead    = "mode=ro"
	unchanged = "immutable=1"
)

// connect opens one connection to an existing file.
func connect(ctx context.Context, path, mode string, pragmas ...string) (*conn, error) {
	opened, err := sqlite.OpenConn(uri(path, mode), sqlite.OpenReadWrite|sqlite.OpenURI)
	if err != nil {
		return nil, classify(ctx, err)
	}
	c := &conn{opened}
	for _, pragma := range append(pragmas, noCheckpoint, durable) {
		if _, err := (Writer{Reader{ctx, c}}).Exec("PRAGMA " + pragma); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// uri names the file as an SQLite URI, so that no character of the path is taken for an
// option.
func uri(path, mode string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return "file:" + escaped + "?" + mode
}

func (c *conn) close() error { return classify(context.Background(), c.sqlite.Close()) }

// endWith ends a query under way when a context is done. A context that never is sets that back.
func (c *conn) endWith(ctx context.Context) { c.sqlite.SetInterrupt(ctx.Done()) }
