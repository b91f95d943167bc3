// Package durable writes small files that must survive: keys, token files, checkpoints, exports.
//
//	err := durable.Replace("relay.state", 0o600, durable.Bytes(text))
//
// It promises two things, also for a process that is killed and a machine that loses power. At
// every moment the path leads to the whole old content or to the whole new content. Once a
// function has returned nil, the path leads to the new content for good: the file is synced
// before it gets its name, and the folder after it.
//
// It does not promise that nothing is left behind: a process that is killed may leave a file
// whose name begins with a dot. It does not lock: of two that call Replace at the same time the
// later wins, and Edit is for those who must not. A folder is not synced on Windows, which has no
// such call, nor by a file system that does not know how.
package durable

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// ErrNotFile says that the path leads to something that is not a file. Replacing /dev/null, which
// root may do, would break other programs.
var ErrNotFile = errors.New("not a file")

// Bytes returns a function that writes data, for the other functions of this package.
func Bytes(data []byte) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.Write(data)
		return err
	}
}

// Replace gives a file the content that write writes, whether the file exists or not. The file
// gets the mode, less the umask; write may change mode and owner. If path is a symbolic link, the
// link is replaced and not what it leads to. A device, a pipe, a socket or a folder stays as it is
// and the error is ErrNotFile.
//
// After an error the file is as it was, unless the error came from syncing the folder: then it
// may be the old or the new one.
func Replace(path string, mode fs.FileMode, write func(*os.File) error) error {
	return inFolder(path, func(folder *os.Root, name string) error {
		return replace(folder, name, hidden(name), mode, write)
	})
}

// Edit is Replace for a file whose new content depends on the old one: of all who edit the file
// only one gets on at a time. The others get an error that is fs.ErrExist. The new content is
// written to path.new, which is also the lock: a process that is killed leaves it behind, and
// somebody has to remove it.
func Edit(path string, mode fs.FileMode, write func(*os.File) error) error {
	return inFolder(path, func(folder *os.Root, name string) error {
		return replace(folder, name, name+".new", mode, write)
	})
}

// Create is Replace for a file that must not exist yet. If it exists, or comes into being
// meanwhile, it stays as it is and the error is fs.ErrExist.
func Create(path string, mode fs.FileMode, write func(*os.File) error) error {
	return inFolder(path, func(folder *os.Root, name string) error {
		return CreateIn(folder, name, mode, write)
	})
}

// CreateIn is Create for a path with slashes below an open folder, which it cannot leave.
func CreateIn(root *os.Root, name string, mode fs.FileMode, write func(*os.File) error) error {
	temporary := path.Join(path.Dir(name), hidden(path.Base(name)))
	err := writeNew(root, temporary, mode, write)
	if err == nil {
		err = root.Link(temporary, name) // fails if the name is taken, which a rename does not
		err = errors.Join(err, root.Remove(temporary))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Also for a file that exists: whoever made it may have been killed before this step.
	if failed := syncFolder(root, path.Dir(name)); failed != nil {
		return failed
	}
	return err
}

func inFolder(path string, do func(folder *os.Root, name string) error) error {
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return do(folder, filepath.Base(path))
}

func replace(folder *os.Root, name, temporary string, mode fs.FileMode, write func(*os.File) error) error {
	if now, err := folder.Lstat(name); err == nil && !now.Mode().IsRegular() && now.Mode().Type() != fs.ModeSymlink {
		return &fs.PathError{Op: "replace", Path: name, Err: ErrNotFile}
	}
	if err := writeNew(folder, temporary, mode, write); err != nil {
		return err
	}
	if err := folder.Rename(temporary, name); err != nil {
		return errors.Join(err, folder.Remove(temporary))
	}
	return syncFolder(folder, ".")
}

// writeNew writes and syncs a file that nobody else has. After an error it is not there.
func writeNew(root *os.Root, name string, mode fs.FileMode, write func(*os.File) error) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = fsync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = root.Remove(name)
	}
	return err
}

// hidden is a name that no other call uses.
func hidden(name string) string { return "." + name + "-" + rand.Text() }
