package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// OpenReadOnly opens an existing file to read only, beside a server or without one: also a copy, and
// one in a folder that may not be written. Writes fail with ErrReadOnly. An error says in words what
// to do.
func OpenReadOnly(ctx context.Context, path string) (*File, error) {
	at, err := os.Stat(path)
	if err == nil && at.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlitefile: open: %w", err)
	}
	f := newFile()
	f.watch = &watch{}
	err = f.openReaders(ctx, path, toRead, lockWait, smallCache)
	if err != nil && atRest(path) {
		// Even a reader of a WAL database makes -wal and -shm, which a folder that may only be
		// read does not allow. Nobody writes such a copy, so its file alone is all of it.
		err = errors.Join(f.disconnect(), f.openReaders(ctx, path, unchanged, smallCache))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlitefile: open %s: %w%s", path, err, advice(path, err)), f.disconnect())
	}
	return f, nil
}

// atRest reports whether the file has no -wal beside it, so that the file alone is all of
// the database.
func atRest(path string) bool { return isAbsent(path + "-wal") }

func isAbsent(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// advice says what to do about a file that cannot be opened to read.
func advice(path string, err error) string {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return ""
	case e.Code&primary == notADatabase:
		return "; it is no SQLite database"
	case e.Code&primary != cannotOpen && e.Code&primary != readOnly:
		return ""
	case !atRest(path) && isAbsent(path+"-shm"):
		return "; to read it with its -wal, SQLite has to make a -shm file beside them, which this user may not do: " +
			"copy the file and its -wal into a folder that you may write, and read the copy"
	}
	return "; this user must be allowed to read the file and, if they are there, its -wal and -shm"
}
