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
		return anchortest.Opened{Place: m, Read: func(_ *testing.T, name string) []byte { return m.Kept(name) }}
	})
}

func TestDirLeavesNothingElse(t *testing.T) {
	umask := syscall.Umask(0o022)
	defer syscall.Umask(umask)
	folder := t.TempDir()
	d := newDir(t, folder)
	name := anchor.Name(ledgerName, 7)
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
	mustEqual(t, "files", files, []string{"vault.example.com/pii/0000000000000007.kept -rw-r--r--"})
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

// What is no file in the folder is passed over. Reading it never waits and never fills memory.
func TestDirOfOtherThings(t *testing.T) {
	folder := t.TempDir()
	d := newDir(t, folder)
	at := func(name string) string { return filepath.Join(folder, "log", name) }
	if err := d.Keep(t.Context(), "log/2.kept", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		syscall.Mkfifo(at("1.kept"), 0o600),
		os.Symlink("/dev/zero", at("3.kept")),
		os.Symlink("1.kept", at("4.kept")),
		os.Symlink("nowhere", at("5.kept")),
		os.Mkdir(at("6.kept"), 0o700),
		os.WriteFile(at("7.kept"), nil, 0o600),
		os.Truncate(at("7.kept"), 1<<40), // sparse
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for name, err := range d.List(t.Context(), "log/", "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	mustEqual(t, "listed", names, []string{"log/2.kept", "log/7.kept"})
	for _, no := range []string{"1.kept", "3.kept", "4.kept", "5.kept", "6.kept"} {
		if _, err := d.Read(t.Context(), "log/"+no); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Read %s: %v, want fs.ErrNotExist", no, err)
		}
	}
	if data, err := d.Read(t.Context(), "log/7.kept"); err != nil || len(data) != anchor.MaxKept {
		t.Errorf("Read of a sparse file: %d bytes, %v", len(data), err)
	}

	// Such a thing in the way of what is to be kept is an error, and stays.
	for _, no := range []string{"1.kept", "3.kept", "4.kept", "5.kept", "6.kept"} {
		if err := d.Keep(t.Context(), "log/"+no, []byte("x")); err == nil {
			t.Errorf("Keep over %s succeeds", no)
		}
	}
	var conflict *anchor.ConflictError
	if err := d.Keep(t.Context(), "log/7.kept", []byte("x")); !errors.As(err, &conflict) || len(conflict.Kept) != anchor.MaxKept {
		t.Errorf("Keep over a sparse file: %v, want a ConflictError", err)
	}
}
