package sqlitestore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // another program's way into the file

	"github.com/piinguin/piinguin/internal/sqlitefile"
	"github.com/piinguin/piinguin/server/sqlitestore"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

const canary = "CANARY-ada@example.org"

// opened is a Store with the file that it is in.
type opened struct {
	*sqlitestore.Store
	*sqlitefile.File
}

func open(ctx context.Context, path string) (opened, error) {
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Config{})
	if err != nil {
		return opened{}, err
	}
	s, err := sqlitestore.New(ctx, file)
	if err != nil {
		return opened{}, errors.Join(err, file.Close())
	}
	return opened{s, file}, nil
}

func newTestStore(t *testing.T, path string) opened {
	t.Helper()
	s, err := open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s interface{ Close() error }) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func newTestFile(t *testing.T) string { return filepath.Join(t.TempDir(), "piinguin.db") }

// newTestHandle opens the file as another program does: beside the Store, with a writer of
// its own.
func newTestHandle(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, db) })
	return db
}

func mustExec(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func record(key string, n int64) store.Record {
	return store.Record{ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Unix(n, 0).UTC()}
}

func mustPut(t *testing.T, s store.Store, r store.Record) {
	t.Helper()
	if got := s.Put(t.Context(), []store.Record{r})[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s := newTestStore(t, newTestFile(t))
		t.Cleanup(func() { closed(t, s) })
		return s
	})
}

func TestDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) (store.Store, func() store.Store) {
		path := newTestFile(t)
		s := newTestStore(t, path)
		return s, func() store.Store {
			closed(t, s)
			again := newTestStore(t, path)
			t.Cleanup(func() { closed(t, again) })
			return again
		}
	})
}

func TestFilesAreForTheOwnerAlone(t *testing.T) {
	path := newTestFile(t)
	s := newTestStore(t, path)
	defer closed(t, s)
	mustPut(t, s, record("k", 1))
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(file), got)
		}
	}
}

func TestPathIsNoOption(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"a?mode=memory", "b#c", "d%3fe f", ":memory:", "file:g"} {
		s := newTestStore(t, path)
		mustPut(t, s, record("k", 1))
		closed(t, s)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("after Open(%q) the file is empty or not there: %v", path, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.txt")
	if err := os.WriteFile(other, bytes.Repeat([]byte(canary), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{other, dir, filepath.Join(dir, "no", "such", "folder.db")} {
		s, err := open(t.Context(), path)
		if err == nil {
			closed(t, s)
			t.Errorf("Open(%q) succeeds", path)
			continue
		}
		if strings.Contains(err.Error(), canary) {
			t.Error("the error quotes the file")
		}
	}
}

// TestErasedIsGone looks for erased and replaced values in the file's bytes.
func TestErasedIsGone(t *testing.T) {
	path := newTestFile(t)
	s := newTestStore(t, path)
	replaced, erased, kept := record("replaced", 1), record("erased", 1), record("kept", 1)
	replaced.Original = store.NewOriginal(strings.Repeat(canary, 1000)) // over several pages of the file
	erased.Original, kept.Original = replaced.Original, store.NewOriginal("KEPT")
	for _, r := range []store.Record{replaced, erased, kept} {
		mustPut(t, s, r)
	}
	closed(t, s) // the values are in the file itself now
	s = newTestStore(t, path)
	replaced.Original, replaced.ObservedAt = store.NewOriginal("x"), time.Unix(2, 0)
	mustPut(t, s, replaced)
	if got := s.Erase(t.Context(), []string{"erased"}, time.Unix(5, 0))[0]; got.Err != nil || !got.Erased {
		t.Fatal(got)
	}
	closed(t, s)
	files, err := filepath.Glob(path + "*")
	if err != nil || !slices.Equal(files, []string{path, path + "-lock"}) {
		t.Fatalf("after Close there are %v, %v; want the file and its lock", files, err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("KEPT")) {
		t.Error("the kept value is not in the file: this test looks in the wrong place")
	}
	if bytes.Contains(content, []byte("CANARY")) {
		t.Error("an erased or replaced value is still in the file")
	}
}

// TestBesideAnotherWriter has another handle write to the same file all the while.
func TestBesideAnotherWriter(t *testing.T) {
	path := newTestFile(t)
	s := newTestStore(t, path)
	defer closed(t, s)
	ledger := newTestHandle(t, path)
	mustExec(t, ledger, "CREATE TABLE ledger (n INTEGER PRIMARY KEY) STRICT")
	done := make(chan error)
	go func() {
		var errs []error
		for n := range 100 {
			_, err := ledger.Exec("INSERT INTO ledger VALUES (?)", n)
			errs = append(errs, err)
		}
		done <- errors.Join(errs...)
	}()
	for n := range int64(100) {
		mustPut(t, s, record(fmt.Sprint(n%7), n))
	}
	if err := <-done; err != nil {
		t.Errorf("the other writer: %v", err)
	}
}

// TestReadsPassAnOpenWrite holds a write transaction open: reads must not wait for
// it, and a write that waits for it must leave when its context does.
func TestReadsPassAnOpenWrite(t *testing.T) {
	path := newTestFile(t)
	s := newTestStore(t, path)
	defer closed(t, s)
	mustPut(t, s, record("k", 1))
	tx, err := newTestHandle(t, path).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, tx, "DELETE FROM records")

	for range 2 * 4 {
		got := s.Get(t.Context(), []string{"k"})[0]
		if got.Err != nil || got.Record.Original.Reveal() != canary {
			t.Fatalf("Get beside an open write: %v", got.Err)
		}
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready beside an open write: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan store.PutResult)
	go func() { waiting <- s.Put(ctx, []store.Record{record("left", 2)})[0] }()
	cancel()
	if got := <-waiting; !errors.Is(got.Err, context.Canceled) {
		t.Errorf("Put, canceled while it waits for the lock: %v", got.Err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, record("k", 3))
}
