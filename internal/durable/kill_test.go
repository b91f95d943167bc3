//go:build unix

package durable_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/piinguin/piinguin/internal/durable"
)

// pathVariable has the test binary write to a file until it is killed.
const pathVariable = "PIINGUIN_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(pathVariable); path != "" {
		writeForEver(path)
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
