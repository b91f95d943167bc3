package sqlitestore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/sqlitestore"
	"github.com/piinguin/piinguin/server/store"
)

// pragma sets a pragma of the writer's connection.
func pragma(t *testing.T, s *sqlitestore.Store, format string, args ...any) {
	t.Helper()
	if _, err := s.Writer().ExecContext(t.Context(), "PRAGMA "+fmt.Sprintf(format, args...)); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// large is a record that needs pages of its own.
func large(key string) store.Record {
	r := record(key, 1)
	r.Original = store.NewOriginal(strings.Repeat(canary, 1000))
	return r
}

// TestEngineRefusesWrites has SQLite refuse every write for a while, in each way that a
// machine knows. What was there can be read all the while, nothing is half done, and writes
// succeed again as soon as they can.
func TestEngineRefusesWrites(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(t *testing.T, s *sqlitestore.Store, path string) (end func())
		names string
	}{
		"disk full": {func(t *testing.T, s *sqlitestore.Store, _ string) func() {
			pragma(t, s, "max_page_count = %d", number(t, s.Writer(), "PRAGMA page_count"))
			return func() { pragma(t, s, "max_page_count = 1000000") }
		}, "SQLite error 13 "},
		"read-only": {func(t *testing.T, s *sqlitestore.Store, _ string) func() {
			pragma(t, s, "query_only = 1")
			return func() { pragma(t, s, "query_only = 0") }
		}, "SQLite error 8 "},
		"locked by another": {func(t *testing.T, s *sqlitestore.Store, path string) func() {
			pragma(t, s, "busy_timeout = 1")
			tx, err := newTestHandle(t, path).BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := tx.Rollback(); err != nil {
					t.Fatal(err)
				}
			}
		}, "SQLite error 5 "},
	} {
		t.Run(name, func(t *testing.T) {
			path := newTestFile(t)
			s := newTestStore(t, path)
			defer closed(t, s)
			mustPut(t, s, record("k", 1))
			end := c.begin(t, s, path)
			for range 3 {
				for _, got := range s.Put(t.Context(), []store.Record{large("a"), large("b")}) {
					checkUnavailable(t, "Put", got.Err)
					if got.Err != nil && !strings.Contains(got.Err.Error(), c.names) {
						t.Errorf("Put: %v, which does not name %s", got.Err, c.names)
					}
				}
			}
			if got := s.Get(t.Context(), []string{"k", "a", "b"}); got[0].Err != nil || !errors.Is(got[1].Err, store.ErrNotFound) || !errors.Is(got[2].Err, store.ErrNotFound) {
				t.Errorf("Get meanwhile: %v, %v, %v", got[0].Err, got[1].Err, got[2].Err)
			}
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("Ready meanwhile, when reads succeed: %v", err)
			}
			end()
			mustPut(t, s, large("a"))
			if got := s.Erase(t.Context(), []string{"k"}, time.Unix(9, 0))[0]; got.Err != nil || !got.Erased {
				t.Errorf("Erase afterwards: %+v", got)
			}
			if got := s.Get(t.Context(), []string{"a", "b"}); got[0].Err != nil || !errors.Is(got[1].Err, store.ErrNotFound) {
				t.Errorf("Get afterwards: %v, %v", got[0].Err, got[1].Err)
			}
			if n := number(t, s.Writer(), "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); n != 0 {
				t.Errorf("the file has %d faults", n)
			}
		})
	}
}

// TestErasureOnAFullDisk holds that a value can be erased where none can be stored: room
// that it would need is its own.
func TestErasureOnAFullDisk(t *testing.T) {
	s := newTestStore(t, newTestFile(t))
	defer closed(t, s)
	mustPut(t, s, large("k"))
	pragma(t, s, "max_page_count = %d", number(t, s.Writer(), "PRAGMA page_count"))
	if got := s.Put(t.Context(), []store.Record{large("l")})[0]; got.Err == nil {
		t.Fatal("the disk is not full")
	}
	if got := s.Erase(t.Context(), []string{"k"}, time.Unix(9, 0))[0]; got.Err != nil || !got.Erased {
		t.Errorf("Erase: %+v", got)
	}
	mustPut(t, s, large("l"))
}
