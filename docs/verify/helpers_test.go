// Package verify_test holds verify.py to what package audit writes and finds.
package verify_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to change rows as anybody could

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/sqlitelog"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

const ledgerName = "vault.example.com/pii"

// run runs verify.py, which must end with a code, and returns what it prints.
func run(t *testing.T, want int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "python3", append([]string{"verify.py"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("verify.py %q: %v", args, err)
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	if code != want || bytes.Contains(out, []byte("Traceback")) {
		t.Fatalf("verify.py %q: exit %d, want %d\n%s", args, code, want, out)
	}
	return string(out)
}

func mustSay(t *testing.T, out, want string) {
	t.Helper()
	if !strings.Contains(out, want) {
		t.Errorf("verify.py says %q, want %q in it", out, want)
	}
}

func newKey(t *testing.T, seed byte) audit.Key {
	t.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// history is a ledger in an SQLite file that went through everything a ledger can.
type history struct {
	path string
	key  string // the first verifier key, under the ledger's name
	kept []string
	now  time.Time
	name string
	sign audit.Key
}

func newHistory(t *testing.T) *history {
	t.Helper()
	h := &history{
		path: filepath.Join(t.TempDir(), "piinguin.db"), name: ledgerName, sign: newKey(t, 1),
		now: time.Date(2026, time.February, 3, 4, 5, 6, 0, time.UTC),
	}
	h.key = h.sign.Verifier().Text(ledgerName)
	return h
}

// with calls f with the opened store.
func (h *history) with(t *testing.T, f func(s audit.Store)) {
	t.Helper()
	withStore(t, h.path, f)
}

func withStore(t *testing.T, path string, f func(s audit.Store)) {
	t.Helper()
	file, err := sqlitefile.Open(t.Context(), path, sqlitefile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	s, err := sqlitelog.New(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	f(s)
}

// serve is a server: it appends pages of two entries, does what f says, ends, and its kept file is kept.
func (h *history) serve(t *testing.T, logs, pages int, f func(l *audit.Ledger, s audit.Store) error) {
	t.Helper()
	h.with(t, func(s audit.Store) {
		l, err := audit.Open(t.Context(), audit.Config{
			Store: s, Key: h.sign, Name: h.name, Logs: logs, Period: 10_000 * time.Hour, Now: func() time.Time { return h.now },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range pages {
			for _, r := range l.AppendAll(t.Context(), []audit.Entry{entry(2 * i), entry(2*i + 1)}) {
				err = errors.Join(err, r.Err)
			}
		}
		if f != nil {
			err = errors.Join(err, f(l, s))
		}
		if err = errors.Join(err, l.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		data, size, err := audit.Keep(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(filepath.Dir(h.path), fmt.Sprintf("%016d.kept", size))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		h.kept = append(h.kept, path)
	})
	h.now = h.now.Add(time.Hour)
}

func entry(n int) audit.Entry {
	return audit.Entry{
		Operation: audit.Read, Outcome: audit.Granted, Caller: "support-desk", Authentication: "token", Basis: "CONTRACT",
		Purpose: "Rückfrage 😀 <&> \"\\/", ModifiedValue: fmt.Sprintf("m-%d\u2028\ufeff", n), RequestID: fmt.Sprintf("r-%d", n),
	}
}

// live writes what every ledger has: several logs, a key that was rotated, and a HOLD that was released.
func (h *history) live(t *testing.T) {
	t.Helper()
	h.serve(t, 1, 5, nil)
	h.serve(t, 2, 12, func(l *audit.Ledger, _ audit.Store) error {
		_, held := l.Hold(t.Context(), audit.Entry{Operation: audit.Held, Reference: "case 7", RequestID: "h-1"})
		_, released := l.Hold(t.Context(), audit.Entry{Operation: audit.Released, Reference: "case 7", RequestID: "h-2"})
		return errors.Join(held, released)
	})
	h.rotate(t, 2)
	h.serve(t, 3, 6, nil)
}

func (h *history) rotate(t *testing.T, seed byte) {
	t.Helper()
	next := newKey(t, seed)
	h.with(t, func(s audit.Store) {
		if err := audit.Rotate(t.Context(), s, h.sign, next, func() time.Time { return h.now }); err != nil {
			t.Fatal(err)
		}
	})
	h.sign, h.now = next, h.now.Add(time.Hour)
}

// prune removes what was there before now, but for the last page of each log.
func (h *history) prune(t *testing.T) {
	t.Helper()
	before := h.now
	h.now = h.now.Add(time.Hour)
	h.serve(t, 3, 3, func(l *audit.Ledger, s audit.Store) error {
		_, err := l.Prune(t.Context(), s, before, audit.Entry{Caller: "operator", Reference: "retention", RequestID: "p-1"})
		return err
	})
}

// copyFile copies the closed file of a history.
func (h *history) copyFile(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// change changes the rows of a file by SQL.
func change(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// exported exports a ledger as "piinguin audit export" does, and returns the folder.
func (h *history) exported(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	first, err := audit.ParseVerifierKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	h.with(t, func(s audit.Store) {
		logs, err := audit.Logs(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, log := range logs {
			var lines bytes.Buffer
			r, err := audit.Export(t.Context(), s, ledgerName, first, log, 0, &lines)
			if err != nil && !errors.Is(err, audit.ErrPruned) {
				t.Fatal(err)
			}
			if err == nil {
				files[log.String()+".jsonl"] = lines.Bytes()
			}
			files[log.String()+".checkpoint"] = []byte(r.Checkpoint)
		}
	})
	for name, data := range files {
		write(t, filepath.Join(folder, name), data)
	}
	return folder
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// found are the rows that audit.Verify names, with the reviewer's own key.
func found(t *testing.T, path, key string) (rows []string) {
	t.Helper()
	k, err := audit.ParseVerifierKey(key)
	if err != nil {
		t.Fatal(err)
	}
	withStore(t, path, func(s audit.Store) {
		r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: &k, Name: audit.KeyName(key)})
		var row *audit.RowError
		if errors.As(err, &row) {
			rows = append(rows, row.Row)
		} else if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			rows = append(rows, f.Row)
		}
	})
	return rows
}
