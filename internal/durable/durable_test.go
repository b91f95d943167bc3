//go:build unix

package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/durable"
)

// way is one of the functions that write a file.
type way = func(path string, mode fs.FileMode, write func(*os.File) error) error

var ways = map[string]way{"Replace": durable.Replace, "Edit": durable.Edit, "Create": durable.Create}

// newTestFile returns the path of a file in a folder of its own. It holds "old", except for
// Create, whose file must not exist.
func newTestFile(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if name != "Create" {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// content is what the path leads to; "" is no file.
func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// wantFiles expects the names of a folder's files.
func wantFiles(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("files (-want +have):\n%s", diff)
	}
}

func TestContentAndMode(t *testing.T) {
	umask := syscall.Umask(0o022)
	defer syscall.Umask(umask)
	for name, write := range ways {
		for mode, want := range map[fs.FileMode]fs.FileMode{0o600: 0o600, 0o666: 0o644} {
			path := newTestFile(t, name)
			if err := write(path, mode, durable.Bytes([]byte("new"))); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != want || content(t, path) != "new" {
				t.Errorf("%s: %v holds %q, want mode %v: %v", name, info, content(t, path), want, err)
			}
			wantFiles(t, filepath.Dir(path), "file")
		}
	}
}

// TestWriteMayChangeTheMode: what write does to the file beside writing stays.
func TestWriteMayChangeTheMode(t *testing.T) {
	path := newTestFile(t, "Edit")
	err := durable.Edit(path, 0o600, func(f *os.File) error { return errors.Join(f.Chmod(0o640), durable.Bytes([]byte("new"))(f)) })
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || info.Mode() != 0o640 {
		t.Errorf("Edit: %v, %v, mode %v", err, statErr, info.Mode())
	}
}

func TestErrorsLeaveEverythingAsItWas(t *testing.T) {
	faults := map[string]func(*os.File) error{
		"a short write": func(f *os.File) error {
			return errors.Join(durable.Bytes([]byte("ne"))(f), syscall.ENOSPC)
		},
		"closed by write": func(f *os.File) error { return errors.Join(f.Close(), syscall.ENOSPC) },
	}
	for name, write := range ways {
		for fault, f := range faults {
			path := newTestFile(t, name)
			before := content(t, path)
			if err := write(path, 0o600, f); !errors.Is(err, syscall.ENOSPC) || content(t, path) != before {
				t.Errorf("%s, %s: %v, and it holds %q", name, fault, err, content(t, path))
			}
			if before != "" {
				wantFiles(t, filepath.Dir(path), "file")
			} else {
				wantFiles(t, filepath.Dir(path))
			}
		}
	}
}

// TestRefusedBySystem: a folder in the file's place cannot be replaced.
func TestRefusedBySystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.MkdirAll(filepath.Join(path, "in it"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, write := range ways {
		if err := write(path, 0o600, durable.Bytes([]byte("new"))); err == nil {
			t.Errorf("%s replaced a folder", name)
		}
		wantFiles(t, filepath.Dir(path), "file")
		if err := write(filepath.Join(path, "gone", "file"), 0o600, durable.Bytes(nil)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s in a folder that is not there: %v", name, err)
		}
	}
}

// TestWhatIsSynced: the file before it gets its name, and the folder after.
// TestOnlyFilesAreReplaced: root that writes to /dev/null must not put a file in its place.
func TestOnlyFilesAreReplaced(t *testing.T) {
	for name, write := range ways {
		folder := t.TempDir()
		pipe := filepath.Join(folder, "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		want := durable.ErrNotFile
		if name == "Create" {
			want = fs.ErrExist
		}
		if err := write(pipe, 0o600, durable.Bytes([]byte("new"))); !errors.Is(err, want) {
			t.Errorf("%s over a pipe: %v, want %v", name, err, want)
		}
		if now, err := os.Lstat(pipe); err != nil || now.Mode().Type() != fs.ModeNamedPipe {
			t.Errorf("%s: the pipe is gone: %v, %v", name, now, err)
		}
		wantFiles(t, folder, "pipe")
	}
}

func TestWhatIsSynced(t *testing.T) {
	for name, write := range ways {
		path := newTestFile(t, name)
		before := content(t, path)
		var seen []string
		durable.OnSync(t, func(of string) error {
			kind := "file"
			if info, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.Base(of))); err != nil || info.IsDir() {
				kind = "folder"
			}
			seen = append(seen, kind+" while the path holds "+content(t, path))
			return nil
		})
		if err := write(path, 0o600, durable.Bytes([]byte("new"))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"file while the path holds " + before, "folder while the path holds new"}, seen); diff != "" {
			t.Errorf("%s syncs (-want +have):\n%s", name, diff)
		}
	}
}

func TestSyncThatFails(t *testing.T) {
	for name, write := range ways {
		for failing := range 2 {
			path := newTestFile(t, name)
			n := 0
			durable.OnSync(t, func(string) error {
				if n++; n == failing+1 {
					return syscall.EIO
				}
				return nil
			})
			if err := write(path, 0o600, durable.Bytes([]byte("new"))); !errors.Is(err, syscall.EIO) {
				t.Errorf("%s, sync %d fails: %v", name, failing, err)
			}
			if text := content(t, path); failing == 0 && text == "new" {
				t.Errorf("%s: a file that was not synced got the name", name)
			}
		}
	}
}

func TestCreateNeverReplaces(t *testing.T) {
	path := newTestFile(t, "Replace")
	synced := 0
	durable.OnSync(t, func(string) error { synced++; return nil })
	if err := durable.Create(path, 0o600, durable.Bytes([]byte("new"))); !errors.Is(err, fs.ErrExist) || content(t, path) != "old" {
		t.Errorf("Create: %v, and it holds %q", err, content(t, path))
	}
	wantFiles(t, filepath.Dir(path), "file")
	if synced != 2 {
		t.Errorf("%d syncs, want the file's and the folder's: who made the file may have been killed before", synced)
	}
}

// TestEditIsForOneAtATime: nobody's line is lost.
func TestEditIsForOneAtATime(t *testing.T) {
	path := newTestFile(t, "Edit")
	err := durable.Edit(path, 0o600, func(f *os.File) error {
		if err := durable.Edit(path, 0o600, durable.Bytes([]byte("other"))); !errors.Is(err, fs.ErrExist) {
			t.Errorf("the second Edit: %v, want fs.ErrExist", err)
		}
		return durable.Bytes([]byte("new"))(f)
	})
	if err != nil || content(t, path) != "new" {
		t.Errorf("the first Edit: %v, and it holds %q", err, content(t, path))
	}
}

// TestRootIsNotLeft: no name leads out of the open folder, not even by a link.
func TestRootIsNotLeft(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(inside, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range []string{"/", "..", "../x", "x/../../x", filepath.Join(outside, "x"), "link/x", ""} {
		if err := durable.MkdirAllIn(root, name, 0o700); err == nil {
			t.Errorf("MkdirAllIn makes %q", name)
		}
		if err := durable.CreateIn(root, name, 0o600, durable.Bytes(nil)); err == nil {
			t.Errorf("CreateIn makes %q", name)
		}
	}
	wantFiles(t, outside)
	wantFiles(t, inside, "link")
}

func TestMkdirAllSyncsEachParent(t *testing.T) {
	top := t.TempDir()
	var synced []string
	durable.OnSync(t, func(name string) error {
		synced = append(synced, strings.TrimPrefix(filepath.Clean(name), top))
		return nil
	})
	folder := filepath.Join(top, "a", "b", "c")
	for range 2 {
		if err := durable.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"", "/a", "/a/b"}, synced); diff != "" {
		t.Errorf("synced (-want +have):\n%s", diff)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("%v, %v", info, err)
	}
	file := newTestFile(t, "Replace")
	for _, folder := range []string{file, filepath.Join(file, "x")} {
		if err := durable.MkdirAll(folder, 0o700); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("MkdirAll over a file: %v, want ENOTDIR", err)
		}
	}
}
