package sqlitefile_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // another program's way into the file

	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// canary is a value that no error may hold.
const canary = "CANARY-ada@example.org"

func newTestPath(t *testing.T) string { return filepath.Join(t.TempDir(), "piinguin.db") }

func newTestFile(t *testing.T, path string) *sqlitefile.File {
	t.Helper()
	f, err := sqlitefile.Open(t.Context(), path, sqlitefile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, f) })
	return f
}

func mustClose(t *testing.T, f interface{ Close() error }) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func mustPragma(t *testing.T, f *sqlitefile.File, text string) string {
	t.Helper()
	v, err := f.Pragma(t.Context(), text)
	if err != nil {
		t.Fatalf("PRAGMA %s: %v", text, err)
	}
	return v
}

// exec is a job of one statement.
func exec(text string, args ...any) func(sqlitefile.Writer) error {
	return func(w sqlitefile.Writer) error {
		_, err := w.Exec(text, args...)
		return err
	}
}

func mustWrite(t *testing.T, f *sqlitefile.File, text string, args ...any) {
	t.Helper()
	if err := f.WriteRows(t.Context(), 1, exec(text, args...)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func mustCount(t *testing.T, f *sqlitefile.File, query string) (n int) {
	t.Helper()
	err := f.Read(t.Context(), func(r sqlitefile.Reader) error {
		_, err := r.First(query, nil, &n)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// newTestHandle opens the file as another program does.
func newTestHandle(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, db) })
	return db
}

// mustLock takes the write lock as another program does, and returns how to let go.
func mustLock(t *testing.T, path string) (end func()) {
	t.Helper()
	tx, err := newTestHandle(t, path).BeginTx(context.WithoutCancel(t.Context()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

func containsCanary(err error) bool { return strings.Contains(err.Error(), "CANARY") }
