package server_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// TestNoRoomForTheFile lets a process write no file beyond the size that the log of SQLite has,
// as a full disk or quota does. The process is one of its own: the limit holds for every file
// of a process, and go test keeps a growing one of what its process opens.
func TestNoRoomForTheFile(t *testing.T) {
	const own = "PIINGUIN_TEST_NO_ROOM"
	if os.Getenv(own) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoRoomForTheFile$", "-test.v") //nolint:gosec // this test's own binary
		child.Env = append(os.Environ(), own+"=1")
		if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestNoRoomForTheFile") {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	newFile(t).outage(t, func(t *testing.T, f *file) func() {
		info, err := os.Stat(f.path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		var was syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(info.Size()), Max: was.Max}); err != nil { //nolint:gosec // a size
			t.Fatal(err)
		}
		end := func() {
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(end)
		return end
	}, false)
}

const nobody = 65534

// asNobody runs f without the right to write what others own: root passes over every mode,
// so root's thread takes another user's for the file system (setfsuid(2)).
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	user := func(id uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, id, 0, 0) }
	user(nobody)
	defer user(0)
	f()
}

// readOnly gives away a closed file and its folder, with these modes.
func readOnly(t *testing.T, file, folder fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "piinguin.db")
	if err := opens["records and ledger"](t.Context(), path); err != nil {
		t.Fatal(err)
	}
	// The folder of all temporary folders of this test is for its owner alone.
	for name, mode := range map[string]fs.FileMode{path: file, path + "-lock": 0o666, filepath.Dir(path): folder, filepath.Dir(filepath.Dir(path)): 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) }) //nolint:gosec // so that it can be removed
	return path
}

// TestReadOnlyFile opens a file, and one in a folder, that may only be read. The error names
// the file, or SQLite's code, and nothing is written.
func TestReadOnlyFile(t *testing.T) {
	for name, c := range map[string]struct {
		file, folder fs.FileMode
		want         string
	}{
		"file":   {0o444, 0o755, "permission denied"},
		"folder": {0o666, 0o555, "SQLite error 1544"}, // SQLITE_READONLY_DIRECTORY: its log cannot be made
		"both":   {0o444, 0o555, "permission denied"},
	} {
		path := readOnly(t, c.file, c.folder)
		before := content(t, path)
		for _, open := range []string{"records and ledger", "ledger"} {
			var err error
			asNobody(t, func() { err = opens[open](context.WithoutCancel(t.Context()), path) })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v, want %s", name, open, err, c.want)
			}
			if c.want == "permission denied" && (!errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path)) {
				t.Errorf("%s, %s: %v, which does not name the file", name, open, err)
			}
		}
		asNobody(t, func() {
			if got := content(t, path); got != before {
				t.Errorf("%s: the file is changed", name)
			}
		})
		if c.folder&0o200 != 0 {
			continue
		}
		asNobody(t, func() { // a reviewer needs no more than that
			if err := opens["ledger, to read"](context.WithoutCancel(t.Context()), path); !errors.Is(err, audit.ErrNotFound) {
				t.Errorf("%s, to read: %v, want that the ledger is empty", name, err)
			}
		})
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("as nobody: %v", err)
	}
	return string(b)
}
