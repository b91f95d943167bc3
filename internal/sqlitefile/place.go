package sqlitefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// place is where the file is: the path as it was configured, and what the path led to when
// the file was opened. Both are absolute.
type place struct {
	configured, target string
}

func placeOf(path string) (place, error) {
	configured, err := filepath.Abs(path)
	if err != nil {
		return place{}, err
	}
	target, err := resolve(configured)
	return place{configured, target}, err
}

// resolve follows symbolic links, also to a file that is not there yet.
func resolve(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	if link, err := os.Readlink(path); err == nil {
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		return resolve(link)
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(folder, filepath.Base(path)), err
}

// takeLock keeps a second server from the file, by whatever name it comes. SQLite itself
// would let both write, each with a clock and a queue of its own. The lock ends with the
// process, whatever ends the process.
func (p place) takeLock() (*flock.Flock, error) {
	lock := flock.New(p.target+"-lock", flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("sqlitefile: lock: %w", err)
	}
	if !locked {
		return nil, ErrInUse
	}
	return lock, nil
}

// ErrLinked says that the file has more than one name.
var ErrLinked = errors.New("sqlitefile: the file has another hard link, by which a second server could write it; remove the link, or copy the file")

// oneName refuses a file with several hard links. The lock and the -wal stand beside one name. A
// server that comes by another name would find neither, and both would write the same ledger.
func (p place) oneName() error {
	info, err := os.Stat(p.target)
	if err == nil && links(info) > 1 {
		err = ErrLinked
	}
	return err
}

// create makes the file where there is none: SQLite itself would make it readable by others.
// -wal and -shm take the file's mode. This is the only time that the process opens the file
// outside SQLite, and no connection of the process can exist yet: the lock is held, and the
// file is new.
func (p place) create() error {
	f, err := os.OpenFile(p.target, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return f.Close()
}
