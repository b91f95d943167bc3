package server_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	_ "modernc.org/sqlite" // another program's way into the file

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/engine"
	"github.com/piinguin/piinguin/server/store"
)

// file is records and ledger in one SQLite file, as a server has them.
type file struct {
	path    string
	records store.Store
	ledger  audit.Store
}

func newFile(t *testing.T) *file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "piinguin.db")
	e, err := engine.OpenSQLite(t.Context(), path, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &file{path, e.Records, e.Ledger}
	for _, key := range []string{"a", "b"} {
		r := f.records.Put(t.Context(), []store.Record{{ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Unix(1, 0)}})
		if r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	return f
}

// handle opens the file as another program does.
func (f *file) handle(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+f.path+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// refusing fails every statement of a kind on a table by a trigger whose text holds an original.
func refusing(when string) func(t *testing.T, f *file) func() {
	return func(t *testing.T, f *file) func() {
		db := f.handle(t)
		if _, err := db.Exec("CREATE TRIGGER refuses BEFORE " + when + " BEGIN SELECT RAISE(ABORT, '" + canary + "'); END"); err != nil {
			t.Fatal(err)
		}
		return func() {
			if _, err := db.Exec("DROP TRIGGER refuses"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// lock holds the file's write lock, for longer than anybody waits.
func lock(t *testing.T, f *file) func() {
	tx, err := f.handle(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSQLiteFaults calls every method while the engine refuses something, and again when
// it does not any more.
func TestSQLiteFaults(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, f *file) func(){
		"pages":   refusing("INSERT ON audit_pages"),
		"records": refusing("INSERT ON records"),
		"locked":  lock,
	} {
		t.Run(name, func(t *testing.T) { newFile(t).outage(t, begin, name == "records") })
	}
}

// outage has a server meet one. Without a ledger that can be written no call may
// succeed; readings says that it can.
func (f *file) outage(t *testing.T, begin func(t *testing.T, f *file) func(), readings bool) {
	s, _ := newTestServer(t, f.records, audit.Config{Store: f.ledger, AppendTimeout: 100 * time.Millisecond})
	end := begin(t, f)
	var replies []reply
	for _, rpc := range rpcs {
		r := rpc.call(t.Context(), s.as(t, rpc.role))
		r.wantProper(t, false)
		justHashes := rpc.method == "GetCheckpoint" || strings.HasPrefix(rpc.method, "Prove") // only a denial is an entry
		if !readings && len(r.errs) == 0 && !justHashes {
			t.Errorf("%s succeeds without a ledger", rpc.method)
		}
		if strings.HasPrefix(rpc.method, "Create") && len(r.errs) == 0 {
			t.Errorf("%s succeeds without a store", rpc.method)
		}
		replies = append(replies, r)
	}
	end() // what refuses is a finding of Verify too
	s.keepsPromise(t, f.ledger, replies...)
	for _, rpc := range rpcs {
		r := rpc.call(t.Context(), s.as(t, rpc.role))
		for len(r.errs) > 0 && t.Context().Err() == nil {
			r = rpc.call(t.Context(), s.as(t, rpc.role))
		}
		replies = append(replies, r)
		if rpc.role == "eraser" { // the next ones' records
			for _, key := range []string{"a", "b"} {
				replies = append(replies, doCreate(t.Context(), s.as(t, "writer"), canaryAt(key, time.Now())))
			}
		}
	}
	s.keepsPromise(t, f.ledger, replies...)
}

// TestNotADatabase opens files that are none. The error says so, and quotes nothing.
func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat(canary, 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range opens {
		err := open(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), "SQLite error 26") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v, want SQLite's error 26, not a database", name, err)
		}
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != strings.Repeat(canary, 500) {
		t.Errorf("the file is changed: %v", err)
	}
}

// opens is every way to open a file; a success is closed again.
var opens = map[string]func(ctx context.Context, path string) error{
	"records and ledger": func(ctx context.Context, path string) error {
		e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
		if err == nil {
			return e.Close()
		}
		return err
	},
	"ledger": func(ctx context.Context, path string) error {
		_, done, err := engine.SQLiteLedger(ctx, path)
		if err == nil {
			return done()
		}
		return err
	},
	"ledger, to read": func(ctx context.Context, path string) error {
		ledger, done, err := engine.ReviewSQLite(ctx, path)
		if err != nil {
			return err
		}
		_, err = audit.Verify(ctx, ledger, audit.VerifyOptions{})
		return errors.Join(err, done())
	},
}
