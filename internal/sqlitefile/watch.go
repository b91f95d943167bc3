package sqlitefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"
)

// watchEvery is how often the files are looked at when nothing is written.
const watchEvery = 500 * time.Millisecond

// watch knows the files that were opened by device and inode, and whether the path still
// leads to them. It looks by stat alone: see the package's doc.
//
// The verdict is for good. An unlinked -wal can never come back to its name, and of files
// that are back at their place nobody knows what another program did to them meanwhile. A stat
// that fails for another reason counts the same: a server that is started again unnecessarily
// costs seconds, an entry in a file that nobody finds costs the ledger.
type watch struct {
	parts   []part
	log     zerolog.Logger
	verdict atomic.Pointer[error]
}

// roleLog is what the log calls the write-ahead log.
const roleLog = "the -wal file"

// part is one of the files.
type part struct {
	role string // for the log; fixed text
	path string
	was  fs.FileInfo
}

func newWatch(at place, lock *flock.Flock, log zerolog.Logger) (*watch, error) {
	w := &watch{log: log}
	for _, p := range []part{
		{role: "the database file", path: at.configured}, // through its links: a restart follows them too
		{role: roleLog, path: at.target + "-wal"},
		{role: "the -shm file", path: at.target + "-shm"},
	} {
		var err error
		if p.was, err = os.Stat(p.path); err != nil {
			return nil, fmt.Errorf("sqlitefile: open: %w", err)
		}
		w.parts = append(w.parts, p)
	}
	// Without this one a second server could take the file.
	was, err := lock.Stat()
	if err != nil {
		return nil, fmt.Errorf("sqlitefile: lock: %w", err)
	}
	w.parts = append(w.parts, part{"the -lock file", lock.Path(), was})
	return w, w.look()
}

// moved returns the verdict of earlier looks.
func (w *watch) moved() error {
	if err := w.verdict.Load(); err != nil {
		return *err
	}
	return nil
}

// look compares every file with the one that was opened. The error wraps ErrMoved and stays.
func (w *watch) look() error {
	for _, p := range w.parts {
		if w.moved() != nil {
			break
		}
		now, err := os.Stat(p.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			w.lose(p.role, "was moved or removed")
		case err != nil:
			w.lose(p.role, "cannot be looked at")
		case !os.SameFile(now, p.was):
			w.lose(p.role, "was replaced by another file")
		}
	}
	return w.moved()
}

// lose keeps the first verdict and logs it.
func (w *watch) lose(role, how string) {
	verdict := fmt.Errorf("%w: %s %s", ErrMoved, role, how)
	if w.verdict.CompareAndSwap(nil, &verdict) {
		w.log.Error().Str("file", role).Str("problem", how).
			Msg("the SQLite file is not where it was opened: nothing is read or written until the server is started again")
	}
}

// lookAgain looks at the files until the File is closed.
func (f *File) lookAgain() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = f.watch.look() // the verdict is kept
			if f.writing.TryLock() {
				f.lookAtLog()
				f.writing.Unlock()
			}
		case <-f.closing:
			return
		}
	}
}
