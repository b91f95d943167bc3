// Package sqlitefile is the one way to an SQLite file. The records and the ledger of a
// server share one File, so that one goroutine writes and one fsync serves both.
//
//	file, err := sqlitefile.Open(ctx, "piinguin.db", sqlitefile.Config{Log: log})
//	...
//	err = file.WritePage(ctx, func(w sqlitefile.Writer) error {
//		_, err := w.Exec(`INSERT INTO audit_pages VALUES (?, ?)`, number, lines)
//		return err
//	})
//
// # What it promises
//
// A write that returned nil is on disk (WAL, synchronous=FULL) in the files that the
// configured path leads to. If the database file, its -wal, its -shm or the lock file was
// moved, removed or replaced, the write fails, and so does everything after it. Other
// programs may open, read, write and close the file beside this one at any time, as long as
// they use SQLite.
//
// # Nobody else may open the file
//
// A close(2) of any descriptor of a file drops every POSIX lock that the process holds on
// the file. SQLite relies on those locks: without them the next program that closes the file
// believes that it is the last one, and unlinks the -wal under the running server. So this
// process never opens or closes an existing database file but through SQLite, and looks at
// it by stat alone. No connection leaves the package, and internal/archtest keeps SQLite's own API
// and database/sql out of every other one.
//
// # What it does not do
//
// It does not notice a database file whose content was overwritten in place. A -wal that was cut
// or overwritten by a shorter one is noticed at the next look. It does not encrypt. It
// does not lock out other programs that write: it waits for them, for up to five seconds.
package sqlitefile
