package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"
)

// Config says how to open a File.
type Config struct {
	// Log gets a line when the file is found to be moved, and when another program begins
	// and ends to keep the write-ahead log from being reset. The zero Logger drops them.
	Log zerolog.Logger
}

// File is an open SQLite file. It is safe for concurrent use.
type File struct {
	lock               *flock.Flock // nil when opened to read only
	write              *conn        // the writer's own; nil when opened to read only
	tidy               *conn        // the checkpointer's own; nil when opened to read only
	readers, reviewers *pool
	watch              *watch
	length             logLength // of the -wal; under writing
	keeper             *checkpointer

	pages, rows chan *job
	writing     sync.Mutex // held for the length of a transaction
	closing     chan struct{}
	running     sync.WaitGroup
}

// limits are the times and sizes that tests make smaller.
type limits struct {
	walPages  int           // the write-ahead log is reset when it has grown past so many
	lookEvery time.Duration // how often the checkpointer looks while there are commits
	patience  time.Duration // how long a reset may fail before the log counts as pinned
}

// A log of 8,000 pages is 32 MB. With SQLite's default of 1,000, a third of a commit's time
// goes into copying pages that the next commits write again.
var defaultLimits = limits{walPages: 8000, lookEvery: 50 * time.Millisecond, patience: 5 * time.Second}

// Open opens a file to read and write, and makes it (mode 0600) where it is missing. One
// process may have it open so; another one gets ErrInUse. What holds it is a lock on the
// file beside it with the suffix -lock, which ends with the process. A file with several hard
// links is refused with ErrLinked. Close the File when it is no longer used.
func Open(ctx context.Context, path string, c Config) (*File, error) {
	return open(ctx, path, c, defaultLimits)
}

func open(ctx context.Context, path string, c Config, l limits) (*File, error) {
	at, err := placeOf(path)
	if err != nil {
		return nil, fmt.Errorf("sqlitefile: open: %w", err)
	}
	f := newFile()
	f.pages, f.rows = make(chan *job), make(chan *job)
	if err := f.connect(ctx, at); err != nil {
		return nil, errors.Join(err, f.disconnect())
	}
	if err := f.measureLog(ctx, at); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlitefile: open: %w", err), f.disconnect())
	}
	if f.watch, err = newWatch(at, f.lock, c.Log); err != nil {
		return nil, errors.Join(err, f.disconnect())
	}
	f.keeper = &checkpointer{file: f, limits: l, log: c.Log, committed: make(chan struct{}, 1)}
	f.running.Go(f.writer)
	f.running.Go(f.keeper.run)
	f.running.Go(f.lookAgain)
	return f, nil
}

func newFile() *File {
	return &File{readers: newPool(Readers), reviewers: newPool(reviewers), closing: make(chan struct{})}
}

// connect takes the lock, makes the file and opens every connection.
func (f *File) connect(ctx context.Context, at place) (err error) {
	if f.lock, err = at.takeLock(); err != nil {
		return err
	}
	if err := at.create(); err != nil {
		return fmt.Errorf("sqlitefile: open: %w", err)
	}
	if err := at.oneName(); err != nil {
		return err
	}
	f.write, err = connect(ctx, at.target, toWrite, lockWait, "journal_mode(WAL)", "secure_delete(1)", noTempFiles)
	if err == nil {
		err = f.tryToWrite(ctx)
	}
	if err == nil {
		f.tidy, err = connect(ctx, at.target, toWrite, restartWait)
	}
	if err == nil {
		err = f.openReaders(ctx, at.target, toWrite, lockWait, "query_only(1)")
	}
	var e *Error
	if errors.As(err, &e) && e.Code&primary == readOnly {
		return fmt.Errorf("sqlitefile: open %s: %w: %w", at.target, fs.ErrPermission, err)
	}
	if err != nil {
		return fmt.Errorf("sqlitefile: open: %w", err)
	}
	return nil
}

// tryToWrite takes the write lock once. SQLite opens a file that it may only read without
// an error, and so would tell of it at the first write. This also makes -wal and -shm.
func (f *File) tryToWrite(ctx context.Context) error {
	w := Writer{Reader{ctx, f.write}}
	if _, err := w.Exec(begin); err != nil {
		return err
	}
	_, err := w.Exec(commit)
	return err
}

// ReadOnly reports whether the file was opened by OpenReadOnly.
func (f *File) ReadOnly() bool { return f.pages == nil }

// Close lets the writes and reads under way end, then closes the file. Later calls fail with
// ErrClosed. Close it once.
//
// If the file was moved, Close leaves SQLite's connections open. The last one to close copies
// its write-ahead log into the file, and that file may be somebody else's by now.
func (f *File) Close() error {
	close(f.closing)
	f.running.Wait()
	if f.watch.look() != nil {
		return f.unlock()
	}
	return f.disconnect()
}

// disconnect closes what is open, the writer's connection last: the last one empties the
// write-ahead log into the file.
func (f *File) disconnect() error {
	var errs []error
	errs = append(errs, f.readers.close(), f.reviewers.close())
	for _, c := range []*conn{f.tidy, f.write} {
		if c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(append(errs, f.unlock())...)
}

func (f *File) unlock() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Close()
}
