// Package hotfile keeps a value that is parsed from files up to date while a server runs: token
// files, policies, certificates.
//
//	files, err := hotfile.Open(hotfile.Source[*Policy]{Paths: []string{path}, Parse: parse, Now: time.Now, Report: report})
//	...
//	policy := files.Current()
//
// It promises that a changed or exchanged file is in use a second later, and that a broken file
// changes nothing: if a file cannot be read or parsed, the last good value stays in use. So a
// half-written file or an editor's slip locks nobody out and lets nobody in, and the operator
// hears of it once.
//
// It does not watch files: it looks when the value is used. It does not say when a change was
// made, and of several files that belong together it may read one before and one after a change;
// Parse has to refuse a pair that does not fit.
package hotfile

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// every is the shortest time between two looks at the files.
	every = time.Second
	// settle is how old a change must be before the file counts as read. A file system whose
	// clock ticks slowly shows no second change within one tick, so a file that changed in the
	// tick of its reading is read again.
	settle = 2 * time.Second
	// maxFile is the largest size of a file, in bytes.
	maxFile = 4 << 20
)

// Files holds the value that was parsed from files. It is safe for concurrent use.
type Files[T any] struct {
	source Source[T]
	value  atomic.Pointer[T]

	mu      sync.Mutex // held while one caller looks at the files
	checked time.Time
	read    time.Time         // when the files were last read, successfully or not
	seen    []fs.FileInfo     // how they looked just before; nil if they could not be read
	digest  [sha256.Size]byte // of their contents or of the error
}

// Source says what to read and whom to tell. All fields are required.
type Source[T any] struct {
	Paths []string
	// Parse makes the value from the files' contents, in the order of Paths. Its
	// errors are reported, so they must not quote the contents.
	Parse func(contents [][]byte) (T, error)
	Now   func() time.Time
	// Report is called once for each change: with nil if the new value is in use, or with the
	// reason why it is not. It must not call Current.
	Report func(error)
}

// The reasons why a file is not read. Their texts name no file.
var (
	ErrNotThere   = errors.New("the file is not there")
	ErrPermission = errors.New("the file may not be read")
	ErrUnreadable = errors.New("the file cannot be read")
	ErrTooLarge   = errors.New("the file is larger than 4 MiB")
	ErrIrregular  = errors.New("it is not a regular file") // a pipe would be empty the second time
)

// Open reads the files for the first time. It reports nothing: it returns one of this package's
// errors or one of Parse's.
func Open[T any](s Source[T]) (*Files[T], error) {
	f := &Files[T]{source: s, checked: s.Now()}
	contents, err := f.readAll()
	if err != nil {
		return nil, err
	}
	value, err := s.Parse(contents)
	if err != nil {
		return nil, err
	}
	f.digest = digest(contents, nil)
	f.value.Store(&value)
	return f, nil
}

// Current returns the newest good value. While one caller reads the files, the others get the
// value before and do not wait.
func (f *Files[T]) Current() T {
	if f.mu.TryLock() {
		defer f.mu.Unlock()
		now := f.source.Now()
		if since := now.Sub(f.checked); since < 0 || since >= every { // a clock may go back
			f.checked = now
			f.look()
		}
	}
	return *f.value.Load()
}

// look reads the files if they were changed, and parses them if that shows.
func (f *Files[T]) look() {
	if f.unchanged() {
		return
	}
	contents, err := f.readAll()
	d := digest(contents, err)
	if d == f.digest {
		return // only the time of change differs, or the file is broken as before
	}
	f.digest = d
	var value T
	if err == nil {
		value, err = f.source.Parse(contents)
	}
	if err == nil {
		f.value.Store(&value)
	}
	f.source.Report(err)
}

func (f *Files[T]) unchanged() bool {
	if f.seen == nil {
		return false
	}
	for i, path := range f.source.Paths {
		now, err := os.Stat(path)
		was := f.seen[i]
		if err != nil || !os.SameFile(was, now) || was.Size() != now.Size() || !was.ModTime().Equal(now.ModTime()) ||
			f.read.Sub(was.ModTime()) < settle {
			return false
		}
	}
	return true
}

// readAll notes how the files look before it reads them, so that a change during the reading is
// seen the next time.
func (f *Files[T]) readAll() ([][]byte, error) {
	f.seen, f.read = nil, f.checked
	var seen []fs.FileInfo
	var contents [][]byte
	for _, path := range f.source.Paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, reason(err)
		}
		if !info.Mode().IsRegular() {
			return nil, ErrIrregular
		}
		text, err := readFile(path)
		if err != nil {
			return nil, err
		}
		seen, contents = append(seen, info), append(contents, text)
	}
	f.seen = seen
	return contents, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, reason(err)
	case len(text) > maxFile:
		return nil, ErrTooLarge
	}
	return text, nil
}

func reason(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotThere
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	}
	return ErrUnreadable
}

// digest is the same for two outcomes of readAll only if they are the same.
func digest(contents [][]byte, err error) [sha256.Size]byte {
	if err != nil {
		return sha256.Sum256([]byte("error: " + err.Error()))
	}
	var sums []byte
	for _, text := range contents {
		sum := sha256.Sum256(text)
		sums = append(sums, sum[:]...)
	}
	return sha256.Sum256(sums)
}
