package durable

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"syscall"
)

// fsync is a variable so that a test sees what is synced, and in which order.
var fsync = (*os.File).Sync

// MkdirAll is os.MkdirAll that lasts: it syncs the folder above each one that it makes.
// Otherwise a file that was synced could be lost with its folder. Its errors are the system's, such
// as syscall.ENOTDIR.
func MkdirAll(folder string, mode fs.FileMode) error {
	above := filepath.Clean(folder)
	missing := "." // below above, with slashes
	for {
		info, err := os.Stat(above)
		if err == nil && !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: above, Err: syscall.ENOTDIR}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || above == filepath.Dir(above) {
			return err
		}
		missing = path.Join(filepath.Base(above), missing)
		above = filepath.Dir(above)
	}
	root, err := os.OpenRoot(above)
	if err != nil {
		return err
	}
	return errors.Join(MkdirAllIn(root, missing, mode), root.Close())
}

// MkdirAllIn is MkdirAll for a path below an open folder, which it cannot leave: a path for which
// fs.ValidPath holds.
func MkdirAllIn(root *os.Root, folder string, mode fs.FileMode) error {
	if !fs.ValidPath(folder) {
		return fs.ErrInvalid
	}
	if folder == "." {
		return nil
	}
	above := path.Dir(folder)
	if err := MkdirAllIn(root, above, mode); err != nil {
		return err
	}
	err := root.Mkdir(folder, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncFolder(root, above)
}

func syncFolder(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	err = fsync(f)
	if errors.Is(err, syscall.EINVAL) { // the file system has no such call
		err = nil
	}
	return errors.Join(err, f.Close())
}
