package sqlitefile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/internal/sqlitefile"
	"github.com/piinguin/piinguin/server/sqlitestore"
	"github.com/piinguin/piinguin/server/store"
)

func newTestRecords(t *testing.T, f *sqlitefile.File) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.New(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPut(t *testing.T, s store.Store, r store.Record) {
	t.Helper()
	if got := s.Put(t.Context(), []store.Record{r})[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
}

// large is a record that needs pages of its own.
func large(key string) store.Record {
	return store.Record{ModifiedValue: key, Original: store.NewOriginal(strings.Repeat(canary, 1000)), ObservedAt: time.Unix(1, 0).UTC()}
}

func small(key string) store.Record {
	return store.Record{ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Unix(1, 0).UTC()}
}

// TestEngineRefusesWrites has SQLite refuse every write for a while, in each way that a
// machine knows. What was there can be read all the while, nothing is half done, and writes
// succeed again as soon as they can.
func TestEngineRefusesWrites(t *testing.T) {
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			path := newTestPath(t)
			f := newTestFile(t, path)
			s := newTestRecords(t, f)
			mustPut(t, s, small("k"))
			end := c.begin(t, f, path)
			for range 3 {
				for _, got := range s.Put(t.Context(), []store.Record{large("a"), large("b")}) {
					if !errors.Is(got.Err, store.ErrUnavailable) || !strings.Contains(got.Err.Error(), c.code) || strings.Contains(got.Err.Error(), "CANARY") {
						t.Errorf("Put: %v, want ErrUnavailable that names %s", got.Err, c.code)
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
			if n := mustCount(t, f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); n != 0 {
				t.Errorf("the file has %d faults", n)
			}
		})
	}
}

// TestErasureOnAFullDisk holds that a value can be erased where none can be stored: room
// that it would need is its own.
func TestErasureOnAFullDisk(t *testing.T) {
	f := newTestFile(t, newTestPath(t))
	s := newTestRecords(t, f)
	mustPut(t, s, large("k"))
	full(t, f)
	if got := s.Put(t.Context(), []store.Record{large("l")})[0]; got.Err == nil {
		t.Fatal("the disk is not full")
	}
	if got := s.Erase(t.Context(), []string{"k"}, time.Unix(9, 0))[0]; got.Err != nil || !got.Erased {
		t.Errorf("Erase: %+v", got)
	}
	mustPut(t, s, large("l"))
}
