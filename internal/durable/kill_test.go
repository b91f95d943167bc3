//go:build unix

package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/piinguin/piinguin/internal/durable"
)

// These have the test binary write to a file: until it is killed, or without room for it.
const (
	pathVariable = "PIINGUIN_TEST_WRITE_TO"
	fullVariable = "PIINGUIN_TEST_WRITE_WITHOUT_ROOM"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(pathVariable); path != "" {
		writeForEver(path)
	}
	if path := os.Getenv(fullVariable); path != "" {
		os.Exit(writeWithoutRoom(path))
	}
	os.Exit(m.Run())
}

// version is a content that shows whether it is whole.
func version(n int) []byte {
	return append(fmt.Appendf(nil, "%d\n", n), bytes.Repeat([]byte{byte('a' + n%26)}, 1<<16+n%1000)...)
}

// writeForEver replaces a file and makes new ones beside it. It says on stdout when the first
// version is there.
func writeForEver(path string) {
	for n := 1; ; n++ {
		for _, err := range []error{
			durable.Replace(path, 0o600, slowly(version(n))),
			durable.Create(path+"-"+strconv.Itoa(n), 0o600, slowly(version(n))),
		} {
			if err != nil {
				panic(err)
			}
		}
		if n == 1 {
			_, _ = os.Stdout.WriteString("ready\n")
		}
	}
}

// slowly writes in pieces, so that a kill finds half of them.
func slowly(text []byte) func(*os.File) error {
	return func(f *os.File) error {
		for len(text) > 0 {
			n := min(len(text), 1<<12)
			if _, err := f.Write(text[:n]); err != nil {
				return err
			}
			text = text[n:]
		}
		return nil
	}
}

// TestKilledAtAnyStep kills a process that writes, at times that move through its steps. What
// the paths lead to is whole.
func TestKilledAtAnyStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for round := range 30 {
		killWriter(t, path, time.Duration(round)*300*time.Microsecond)
		checkWhole(t, path)
		created, err := filepath.Glob(path + "-*")
		if err != nil || len(created) == 0 {
			t.Fatalf("no file was made: %v", err)
		}
		for _, c := range created {
			checkWhole(t, c)
			if err := os.Remove(c); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// writeWithoutRoom replaces a file when the system takes only a part of it, and returns 0 if that
// is an error each time.
func writeWithoutRoom(path string) int {
	signal.Ignore(syscall.SIGXFSZ) // so that write returns EFBIG
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 12, Max: 1 << 12}); err != nil {
		return 1
	}
	for _, write := range ways {
		if err := write(path, 0o600, durable.Bytes(version(1))); !errors.Is(err, syscall.EFBIG) {
			return 2
		}
	}
	return 0
}

// TestNoRoom: a write that the system cuts short leaves the file as it was, and nothing beside it.
func TestNoRoom(t *testing.T) {
	path := newTestFile(t, "Replace")
	writer := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test's own binary
	writer.Env = append(os.Environ(), fullVariable+"="+path)
	if out, err := writer.CombinedOutput(); err != nil {
		t.Errorf("the writer: %v\n%s", err, out)
	}
	if text := content(t, path); text != "old" {
		t.Errorf("the file holds %q", text)
	}
	wantFiles(t, filepath.Dir(path), "file")
}

func killWriter(t *testing.T, path string, after time.Duration) {
	t.Helper()
	writer := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test's own binary
	writer.Env = append(os.Environ(), pathVariable+"="+path)
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatalf("the writer: %v", err)
	}
	time.Sleep(after) // where the kill comes is left to chance; what must hold is not
	if err := writer.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = writer.Wait() // it was killed
}

func checkWhole(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := bytes.Cut(text, []byte("\n"))
	n, err := strconv.Atoi(string(head))
	if err != nil || !bytes.Equal(text, version(n)) {
		t.Errorf("%s holds %d bytes that are no whole version, of %q: %v", filepath.Base(path), len(text), head, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("%s: %v, %v", filepath.Base(path), info, err)
	}
}
