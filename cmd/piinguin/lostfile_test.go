package main_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twitchtv/twirp"
)

// lostFiles are the ways in which the server's file is lost while it runs, and what the log
// says. Each runs in the folder of the file.
var lostFiles = map[string]struct{ command, says string }{
	"removed":            {"rm piinguin.db", "the database file"},
	"-wal removed":       {"rm piinguin.db-wal", "the -wal file"},
	"-shm removed":       {"rm piinguin.db-shm", "the -shm file"},
	"-lock removed":      {"rm piinguin.db-lock", "the -lock file"},
	"folder moved":       {"mv ../piinguin-dev ../elsewhere", "the database file"},
	"replaced by a copy": {"cp piinguin.db copy.db; mv copy.db piinguin.db", "the database file"},
	"-wal emptied":       {": > piinguin.db-wal", "the -wal file"},
	"-wal overwritten":   {"head -c 8192 piinguin.db-wal > older; cp older piinguin.db-wal", "the -wal file"},
	"replaced by backup": {"sqlite3 piinguin.db '.backup copy.db'; mv copy.db piinguin.db", "the database file"},
}

// TestLostFile holds that the server fails closed when its file is not where it was: the next
// read already, and readyz soon.
func TestLostFile(t *testing.T) {
	for name, c := range lostFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSQLite(t, func(t *testing.T, in *install) {
				p := in.start(t)
				v := newVisited(t, p)
				v.read(t, p, "kept")
				in.shell(t, c.command)
				p.wantFailsClosed(t)
				start := time.Now()
				p.wantFailsClosed(t)
				if took := time.Since(start); took > 1500*time.Millisecond { // the deadline of an append is 2 s
					t.Errorf("the loss is known, and a read waits %v", took)
				}
				eventually(t, "not ready", func() bool { return p.status(t, "/readyz") == http.StatusServiceUnavailable })
				if got := in.log(); strings.Count(got, "is not where it was opened") != 1 || !strings.Contains(got, c.says) ||
					!strings.Contains(got, `"reason":"audit_unavailable","engine_code":"FileMoved"`) || strings.Contains(got, canary) {
					t.Errorf("the log does not say once that it is %s, and why reads failed:\n%s", c.says, got)
				}
			})
		})
	}
}

// TestLostFileAndRestart removes the file and starts the server again, with the key of the lost
// ledger: a new ledger must not begin under that key.
func TestLostFileAndRestart(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		newVisited(t, p).read(t, p, "kept")
		p.kill(t)
		in.shell(t, "rm piinguin.db*")
		code, _, stderr := in.run(t, "piinguin", "serve", "--dev", "--listen", "127.0.0.1:0")
		if code != 2 || !strings.Contains(stderr, "the store holds no ledger") {
			t.Errorf("a start without the ledger: exit %d: %s", code, stderr)
		}
		in.shell(t, "mv audit.key old.key")
		in.start(t)
	})
}

// TestHardLink starts a second server by another name of the file: the lock is not beside it.
func TestHardLink(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		v := newVisited(t, p)
		in.shell(t, "mkdir ../elsewhere; ln piinguin.db ../elsewhere/; cp audit.key ../elsewhere/")
		code, _, stderr := in.run(t, "piinguin", "serve", "--dev", "--listen", "127.0.0.1:0",
			"--store", "sqlite:elsewhere/piinguin.db", "--audit-key", filepath.Join("elsewhere", "audit.key"))
		if code != 2 || !strings.Contains(stderr, "another hard link") {
			t.Errorf("a second server by another name: exit %d: %s", code, stderr)
		}
		v.read(t, p, "kept")
	})
}

// wantFailsClosed reads, and wants the error of a ledger that cannot be written.
func (p *process) wantFailsClosed(t *testing.T) {
	t.Helper()
	out, err := p.as(t, "reader").ReadPiiRecord(t.Context(), readOf("kept", "lost"))
	if !isTwirp(err, twirp.Unavailable, "audit_unavailable") {
		t.Errorf("a read without the file: %v, want audit_unavailable", err)
	}
	if out.GetPiiRecord().GetOriginalValue() != "" {
		t.Error("a read without the file releases the value")
	}
}

// status is what the server answers to a GET.
func (p *process) status(t *testing.T, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestSecondServerOnAMovedFile moves the folder of a running server. The lock went with it,
// so that nobody else can begin there; when the first server has ended, a second one goes on
// with everything.
func TestSecondServerOnAMovedFile(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		v := newVisited(t, p)
		v.read(t, p, "kept")
		in.shell(t, "mv ../piinguin-dev ../elsewhere")
		in.store = "sqlite:elsewhere/piinguin.db"
		args := []string{"--dev", "--store", in.store, "--audit-key", filepath.Join("elsewhere", "audit.key")}
		code, _, stderr := in.run(t, "piinguin", append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
		if code != 2 || !strings.Contains(stderr, "another server is using this file") {
			t.Errorf("a second server on the moved file: exit %d: %s", code, stderr)
		}
		p.wantFailsClosed(t)
		p.kill(t)
		second := in.serve(t, args...)
		v.read(t, second, "kept")
		v.wantEntries(t, in)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
	})
}

// TestSecondServerWithoutALock removes the lock, so that a second server can begin on the
// file. The first one must not write beside it.
func TestSecondServerWithoutALock(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		v := newVisited(t, p)
		in.shell(t, "rm piinguin.db-lock")
		second := in.start(t)
		p.wantFailsClosed(t)
		v.read(t, second, "kept")
		p.kill(t)
		v.read(t, second, "kept")
		v.wantEntries(t, in)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
	})
}
