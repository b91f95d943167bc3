package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// otherPrograms open the server's file beside it, and close it again. Each runs with the
// folder of the file as its own, and with a new number as $1.
var otherPrograms = map[string][]string{
	"sqlite3 SELECT": {"sqlite3 piinguin.db 'SELECT count(*) FROM audit_entries'"},
	".backup":        {"sqlite3 piinguin.db \".backup backup-$1.db\""},
	"VACUUM INTO":    {"sqlite3 piinguin.db \"VACUUM INTO 'vacuumed-$1.db'\""},
	"Python":         {"python3 -c 'import sqlite3; c = sqlite3.connect(\"piinguin.db\"); print(c.execute(\"SELECT count(*) FROM records\").fetchone()); c.close()'"},
	"writer": {`python3 -c '
import sqlite3, time
c = sqlite3.connect("piinguin.db", timeout=10, isolation_level=None)
c.execute("CREATE TABLE IF NOT EXISTS others (n)")
c.execute("BEGIN IMMEDIATE")
c.execute("INSERT INTO others VALUES (1)")
time.sleep(0.2)
c.execute("COMMIT")
c.close()'`},
	"checkpoint": {"sqlite3 piinguin.db 'PRAGMA wal_checkpoint(TRUNCATE)'"},
	"in turn": {
		"sqlite3 piinguin.db 'SELECT count(*) FROM records'",
		"python3 -c 'import sqlite3; sqlite3.connect(\"piinguin.db\").execute(\"SELECT 1 FROM records\").fetchall()'",
		"sqlite3 piinguin.db \"VACUUM INTO 'turn-$1.db'\"",
	},
}

// TestOtherPrograms has other programs come and go beside a server, which then reads, erases
// and is killed. After its next start every entry is where its receipt said, and the
// erased value is gone.
func TestOtherPrograms(t *testing.T) {
	for name, commands := range otherPrograms {
		t.Run(name, func(t *testing.T) {
			onSQLite(t, func(t *testing.T, in *install) {
				p := in.start(t)
				v := newVisited(t, p)
				for round := range 3 {
					for i, command := range commands {
						in.shell(t, command, strconv.Itoa(10*round+i))
						v.read(t, p, "kept")
					}
				}
				wantNothingDeleted(t, p)
				wantLocks(t, in, p)
				for range 3 {
					v.read(t, p, "erased")
				}
				v.erase(t, p, "erased")
				p.kill(t)

				p = in.start(t)
				v.read(t, p, "kept")
				_, err := p.as(t, "reader").ReadPiiRecord(t.Context(), readOf("erased", "gone"))
				if !isTwirp(err, twirp.NotFound, "not_found") {
					t.Errorf("the erased value after the crash: %v, want not_found", err)
				}
				v.wantEntries(t, in)
				in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
				p.stop(t)
				in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
			})
		})
	}
}

// visited remembers what receipts said.
type visited struct {
	entries map[string]string // by place: the operation and its reference
}

func newVisited(t *testing.T, p *process) *visited {
	t.Helper()
	for _, tool := range []string{"sqlite3", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("run `make test`, which installs it: %v", err)
		}
	}
	for _, key := range []string{"kept", "erased"} {
		_, err := p.as(t, "writer").CreatePiiRecord(t.Context(), &piinguinv1.CreatePiiRecordRequest{
			PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: key, OriginalValue: canary},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return &visited{entries: map[string]string{}}
}

func readOf(key, reference string) *piinguinv1.ReadPiiRecordRequest {
	return &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue: key, ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT, Purpose: "test", Reference: reference,
	}
}

func (v *visited) note(t *testing.T, r *piinguinv1.AuditReceipt, what string) {
	t.Helper()
	place := fmt.Sprintf("%s/%d", r.GetLog(), r.GetIndex())
	if before, taken := v.entries[place]; taken {
		t.Errorf("the receipts of %q and of %q both say %s", before, what, place)
	}
	v.entries[place] = what
}

func (v *visited) read(t *testing.T, p *process, key string) {
	t.Helper()
	reference := strconv.Itoa(len(v.entries))
	out, err := p.as(t, "reader").ReadPiiRecord(t.Context(), readOf(key, reference))
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	v.note(t, out.GetReceipt(), "READ "+key+" "+reference)
}

func (v *visited) erase(t *testing.T, p *process, key string) {
	t.Helper()
	out, err := p.as(t, "eraser").DeletePiiRecord(t.Context(), &piinguinv1.DeletePiiRecordRequest{ModifiedValue: key})
	if err != nil {
		t.Fatalf("erase %s: %v", key, err)
	}
	v.note(t, out.GetReceipt(), "DELETE "+key+" ")
}

// wantEntries looks for the entry of each receipt at its place.
func (v *visited) wantEntries(t *testing.T, in *install) {
	t.Helper()
	have := map[string]string{}
	for line := range strings.Lines(in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--json")) {
		e, err := audit.Parse([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		place := fmt.Sprintf("%s/%d", e.Log, e.Index)
		if _, receipt := v.entries[place]; receipt {
			have[place] = fmt.Sprintf("%s %s %s", e.Operation, e.ModifiedValue, e.Reference)
		}
	}
	if diff := cmp.Diff(v.entries, have); diff != "" {
		t.Errorf("the entries of the receipts (-want +have):\n%s", diff)
	}
}

// folder is where the server keeps its file.
func (in *install) folder() string { return filepath.Join(in.dir, "piinguin-dev") }

// shell runs a command beside the server.
func (in *install) shell(t *testing.T, command string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{"-ec", command, "bash"}, args...)...)
	var errs bytes.Buffer
	cmd.Dir, cmd.Stderr = in.folder(), &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, out, errs.String())
	}
	return string(out)
}

// wantNothingDeleted looks for files that the server has open and nobody can find again.
func wantNothingDeleted(t *testing.T, p *process) {
	t.Helper()
	fds := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	files, err := os.ReadDir(fds)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		target, err := os.Readlink(filepath.Join(fds, f.Name()))
		// Of the store alone: a test runner may leave descriptors of its own to the server.
		if err == nil && strings.HasSuffix(target, "(deleted)") && strings.Contains(target, "piinguin.db") {
			t.Errorf("the server has %s open", target)
		}
		if err == nil && strings.HasSuffix(target, "piinguin.db-wal") {
			found++
		}
	}
	if found == 0 {
		t.Error("the server has no -wal open: this test looks in the wrong place")
	}
}

// getLocks asks Linux who keeps others from a range of bytes of a file (F_GETLK), as another
// process. 2 is F_UNLCK: nobody.
const getLocks = `
import fcntl, os, struct
for path, start, length in (("piinguin.db", 0x40000002, 510), ("piinguin.db-shm", 128, 1)):
    fd = os.open(path, os.O_RDWR)
    lock = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))
    kind, _, _, _, pid = struct.unpack("hhqqi4x", lock)
    print(path, "free" if kind == fcntl.F_UNLCK else pid)
`

// wantLocks holds that the server has SQLite's shared lock on the file, and the lock on the
// -shm that says that somebody uses it. Without them the next program to close the file
// unlinks -wal and -shm.
func wantLocks(t *testing.T, in *install, p *process) {
	t.Helper()
	out := in.shell(t, `python3 -c "$1"`, getLocks)
	want := fmt.Sprintf("piinguin.db %[1]d\npiinguin.db-shm %[1]d\n", p.cmd.Process.Pid)
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("who has the locks (-want +have):\n%s", diff)
	}
}

func isTwirp(err error, code twirp.ErrorCode, reason string) bool {
	var te twirp.Error
	return errors.As(err, &te) && te.Code() == code && te.Meta("reason") == reason
}
