package sqlitefile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/piinguin/piinguin/internal/sqlitefile"
)

func TestOneServer(t *testing.T) {
	path := newTestPath(t)
	f := newTestFile(t, path)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if _, err := sqlitefile.Open(t.Context(), name, sqlitefile.Config{}); !errors.Is(err, sqlitefile.ErrInUse) {
			t.Errorf("a second Open of %s: %v, want ErrInUse", name, err)
		}
	}
	r, err := sqlitefile.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatalf("OpenReadOnly beside it: %v", err)
	}
	mustClose(t, r)
	mustWrite(t, f, `CREATE TABLE t (n)`) // closing a reader changed nothing
}

// TestModes looks at the files that Open makes, under a umask that would allow more, and
// through links.
func TestModes(t *testing.T) {
	path := newTestPath(t)
	link, far := filepath.Join(t.TempDir(), "link.db"), filepath.Join(t.TempDir(), "far.db")
	for from, to := range map[string]string{link: far, far: path} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	newTestFile(t, link)
	for _, suffix := range []string{"", "-wal", "-shm", "-lock"} {
		info, err := os.Lstat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != 0o600 {
			t.Errorf("%s has mode %v, want 0600", info.Name(), got)
		}
	}
}

// TestExistingFileKeepsItsMode opens an empty file that somebody made for a group to read.
func TestExistingFileKeepsItsMode(t *testing.T) {
	path := newTestPath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil { //nolint:gosec // as an operator may
		t.Fatal(err)
	}
	mustWrite(t, newTestFile(t, path), `CREATE TABLE t (n)`)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode() != 0o640 {
			t.Errorf("%q has mode %v, %v; want 0640", suffix, info.Mode(), err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := newTestPath(t)
	if _, err := sqlitefile.OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenReadOnly of no file: %v", err)
	}
	f := newTestFile(t, path)
	mustWrite(t, f, `CREATE TABLE t (n)`)
	r, err := sqlitefile.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, r)
	if !r.ReadOnly() || f.ReadOnly() {
		t.Errorf("ReadOnly of the reader and the writer: %v, %v", r.ReadOnly(), f.ReadOnly())
	}
	if err := r.WritePage(t.Context(), exec(`INSERT INTO t VALUES (1)`)); !errors.Is(err, sqlitefile.ErrReadOnly) {
		t.Errorf("a write: %v, want ErrReadOnly", err)
	}
	mustWrite(t, f, `INSERT INTO t VALUES (1)`)
	if n := mustCount(t, r, `SELECT count(*) FROM t`); n != 1 {
		t.Errorf("the reader sees %d rows, want 1", n)
	}
}

func TestAfterClose(t *testing.T) {
	path := newTestPath(t)
	f, err := sqlitefile.Open(t.Context(), path, sqlitefile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, f, `CREATE TABLE t (n)`)
	mustClose(t, f)
	nothing := func(sqlitefile.Reader) error { return nil }
	for name, err := range map[string]error{
		"WriteRows": f.WriteRows(t.Context(), 1, exec(`INSERT INTO t VALUES (1)`)),
		"WritePage": f.WritePage(t.Context(), exec(`INSERT INTO t VALUES (1)`)),
		"Read":      f.Read(t.Context(), nothing),
		"Snapshot":  f.Snapshot(t.Context(), nothing),
	} {
		if !errors.Is(err, sqlitefile.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file %s after Close: %v, want none", suffix, err)
		}
	}
}

// TestSnapshot writes between two queries of a snapshot, and of a reader without one.
func TestSnapshot(t *testing.T) {
	f := newTestFile(t, newTestPath(t))
	mustWrite(t, f, `CREATE TABLE t (n)`)
	counts := func(read func(context.Context, func(sqlitefile.Reader) error) error) (before, after int) {
		err := read(t.Context(), func(r sqlitefile.Reader) error {
			if _, err := r.First(`SELECT count(*) FROM t`, nil, &before); err != nil {
				return err
			}
			mustWrite(t, f, `INSERT INTO t VALUES (1)`)
			_, err := r.First(`SELECT count(*) FROM t`, nil, &after)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return before, after
	}
	if before, after := counts(f.Snapshot); before != after {
		t.Errorf("a snapshot sees %d rows, then %d", before, after)
	}
	if before, after := counts(f.Read); after != before+1 {
		t.Errorf("Read sees %d rows, then %d", before, after)
	}
}

// TestErrorsQuoteNothing makes SQLite and the driver fail on a value.
func TestErrorsQuoteNothing(t *testing.T) {
	f := newTestFile(t, newTestPath(t))
	mustWrite(t, f, `CREATE TABLE t (n)`)
	mustWrite(t, f, `INSERT INTO t VALUES (?)`, canary)
	for name, err := range map[string]error{
		"SQLite": f.WriteRows(t.Context(), 1, exec(`SELECT "`+canary)),
		"driver": f.Read(t.Context(), func(r sqlitefile.Reader) error {
			var n int
			_, err := r.First(`SELECT n FROM t`, nil, &n)
			return err
		}),
		"driver, a row of many": f.Read(t.Context(), func(r sqlitefile.Reader) error {
			return r.Each(`SELECT n FROM t`, nil, func(scan sqlitefile.Scan) error {
				var n int
				return scan(&n)
			})
		}),
	} {
		if err == nil || containsCanary(err) {
			t.Errorf("%s: %v, want an error that quotes nothing", name, err)
		}
	}
}
