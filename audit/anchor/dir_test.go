package anchor_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

func newDir(t *testing.T, folder string) *anchor.Dir {
	t.Helper()
	d, err := anchor.OpenDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestDirKeepsTheContract(t *testing.T) {
	anchortest.Run(t, func(t *testing.T) anchortest.Opened {
		folder := filepath.Join(t.TempDir(), "made", "here")
		return anchortest.Opened{Place: newDir(t, folder), Read: func(t *testing.T, name string) []byte {
			data, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			return data
		}}
	})
}

func TestMemoryKeepsTheContract(t *testing.T) {
	anchortest.Run(t, func(*testing.T) anchortest.Opened {
		m := &anchortest.Memory{}
		return anchortest.Opened{Place: m, Read: func(_ *testing.T, name string) []byte { return m.Read(name) }}
	})
}

func TestDirLeavesNothingElse(t *testing.T) {
	umask := syscall.Umask(0o022)
	defer syscall.Umask(umask)
	folder := t.TempDir()
	d := newDir(t, folder)
	name := anchor.Name(log1, 7)
	for _, data := range []string{"one", "one", "two"} {
		err := d.Keep(t.Context(), name, []byte(data))
		if wrong := data == "two"; wrong != (err != nil) {
			t.Errorf("Keep of %q: %v", data, err)
		}
	}
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		files = append(files, strings.TrimPrefix(path, folder+"/")+" "+info.Mode().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "files", files, []string{"piinguin-1/00000000000000000007.checkpoint -rw-r--r--"})
}

func TestDirStaysInside(t *testing.T) {
	outside, folder := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	d := newDir(t, folder)
	for _, name := range []string{"../x", "a/../../x", filepath.Join(outside, "x"), "link/x"} {
		err := d.Keep(t.Context(), name, []byte("x"))
		if err == nil {
			t.Errorf("%s was kept", name)
		}
		if err != nil && strings.Contains(err.Error(), outside) {
			t.Errorf("the error quotes the name: %v", err)
		}
	}
	for _, leaf := range []string{filepath.Join(outside, "x"), filepath.Join(filepath.Dir(folder), "x")} {
		if _, err := os.Lstat(leaf); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there", leaf)
		}
	}
}

func TestOpenDirRefusesAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := anchor.OpenDir(file); err == nil || strings.Contains(err.Error(), file) {
		t.Errorf("OpenDir of a file: %v", err)
	}
}
