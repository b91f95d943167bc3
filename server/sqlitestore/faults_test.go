package sqlitestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

// checkUnavailable wants an error that is of the contract and does not hold a value.
func checkUnavailable(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%s: %v, want ErrUnavailable", what, err)
	}
	if err != nil && strings.Contains(err.Error(), "CANARY") {
		t.Errorf("%s: the error holds the value", what)
	}
}

// TestEngineQuotesTheValue makes SQLite's own error text hold the value.
func TestEngineQuotesTheValue(t *testing.T) {
	path := newTestFile(t)
	s := newTestStore(t, path)
	defer closed(t, s)
	db := newTestHandle(t, path)
	mustExec(t, db, `CREATE TRIGGER quotes BEFORE INSERT ON records WHEN NEW.modified_value = 'bad'
BEGIN SELECT RAISE(ABORT, 'CANARY in the text of the engine'); END`)
	checkUnavailable(t, "Put", s.Put(t.Context(), []store.Record{record("good", 1), record("bad", 1)})[1].Err)
	checkUnavailable(t, "Erase", s.Erase(t.Context(), []string{"bad"}, time.Unix(1, 0))[0].Err)
	if got := s.Get(t.Context(), []string{"good"})[0]; !errors.Is(got.Err, store.ErrNotFound) {
		t.Errorf("Get of a record whose transaction failed: %v", got.Err)
	}

	mustExec(t, db, "DROP TABLE records")
	mustExec(t, db, "CREATE TABLE records (CANARY TEXT)")
	checkUnavailable(t, "Put without the table", s.Put(t.Context(), []store.Record{record("k", 1)})[0].Err)
	checkUnavailable(t, "Get without the table", s.Get(t.Context(), []string{"k"})[0].Err)
	checkUnavailable(t, "Get of two without the table", s.Get(t.Context(), []string{"k", "l"})[1].Err)
	checkUnavailable(t, "Ready without the table", s.Ready(t.Context()))
}

// TestChangedRowFailsAlone changes rows to what this package never writes.
func TestChangedRowFailsAlone(t *testing.T) {
	path := newTestFile(t)
	s := newTestStore(t, path)
	defer closed(t, s)
	for _, key := range []string{"bad", "good", "dead"} {
		mustPut(t, s, record(key, 1))
	}
	if got := s.Erase(t.Context(), []string{"dead"}, time.Unix(2, 0))[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
	db := newTestHandle(t, path)
	mustExec(t, db, "UPDATE records SET observed_at = 'CANARY' WHERE modified_value = 'bad'")
	mustExec(t, db, "UPDATE records SET erased_at = 'CANARY' WHERE modified_value = 'dead'")

	got := s.Get(t.Context(), []string{"bad", "good"})
	checkUnavailable(t, "Get", got[0].Err)
	put := s.Put(t.Context(), []store.Record{record("bad", 9), record("good", 9), record("dead", 9)})
	checkUnavailable(t, "Put", put[0].Err)
	checkUnavailable(t, "Put over a tombstone", put[2].Err)
	erased := s.Erase(t.Context(), []string{"bad", "good"}, time.Unix(9, 0))
	checkUnavailable(t, "Erase", erased[0].Err)
	if got[1].Err != nil || put[1].Err != nil || erased[1].Err != nil || !erased[1].Erased {
		t.Errorf("the good row beside it: %v, %v, %v", got[1].Err, put[1].Err, erased[1].Err)
	}
}

// TestDamagedPageFailsAlone reads keys on a page that is damaged, and others, at the same moment.
func TestDamagedPageFailsAlone(t *testing.T) {
	path := newTestFile(t)
	s := newTestStore(t, path)
	var records []store.Record
	for n := range 300 {
		records = append(records, record(fmt.Sprintf("key-%03d", n), 1))
	}
	for _, r := range s.Put(t.Context(), records) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	closed(t, s)
	damagePageOf(t, path, "key-150")

	s = newTestStore(t, path)
	defer closed(t, s)
	for range 20 {
		var readers sync.WaitGroup
		for n := range 40 {
			good := n%2 == 0
			readers.Go(func() {
				if good {
					if r := s.Get(t.Context(), []string{"key-000"})[0]; r.Err != nil {
						t.Errorf("a key on another page: %v", r.Err)
					}
				} else {
					checkUnavailable(t, "a key on the damaged page", s.Get(t.Context(), []string{"key-150"})[0].Err)
				}
			})
		}
		readers.Wait()
	}
}

// damagePageOf makes the page that holds a key no page of a table.
func damagePageOf(t *testing.T, path, key string) {
	t.Helper()
	const pageSize = 4096
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(content); at += pageSize {
		if page := content[at : at+pageSize]; page[0] == 0x0a && bytes.Contains(page, []byte(key)) { // a leaf
			page[0] = 0xff
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAfterClose(t *testing.T) {
	s := newTestStore(t, newTestFile(t))
	closed(t, s)
	checkUnavailable(t, "Put", s.Put(t.Context(), []store.Record{record("k", 1)})[0].Err)
	checkUnavailable(t, "Get", s.Get(t.Context(), []string{"k"})[0].Err)
	checkUnavailable(t, "Erase", s.Erase(t.Context(), []string{"k"}, time.Unix(1, 0))[0].Err)
	checkUnavailable(t, "Ready", s.Ready(t.Context()))
}

// TestLinearizableWithLostReplies fails one call of eight, done or not.
func TestLinearizableWithLostReplies(t *testing.T) {
	for seed := range uint64(3) {
		s := newTestStore(t, newTestFile(t))
		calls := 0
		unknown, err := storetest.Linearizable(t.Context(), storetest.NewFaulty(s, func(string, int) storetest.Fault {
			if calls++; calls%8 == 0 {
				return storetest.Fault{Err: store.ErrUnavailable, Apply: calls%16 == 0}
			}
			return storetest.Fault{}
		}), seed)
		closed(t, s)
		if err != nil || unknown == 0 {
			t.Errorf("seed %d, %d failed: %v", seed, unknown, err)
		}
	}
}
