// Package hotfile keeps what a server has parsed from files up to date while it
// runs, without a watcher: on use, at most once a second, it looks whether a file
// was changed or exchanged.
//
// What cannot be read or parsed is not taken: the last good value stays in use. So
// a half-written file or a slip of an editor neither locks everybody out nor lets
// anybody in, and the operator hears of it.
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
	// every is how often files are looked at, at most.
	every = time.Second
	// settle is how much younger than its reading a file must not be: a file system
	// whose clock ticks slowly shows no second change within one tick, so what was read
	// in that tick is read again.
	settle = 2 * time.Second
	// maxFile is the limit of a file's size in bytes.
	maxFile = 4 << 20
)

// Files is the value that was parsed from files. It is safe for concurrent use.
type Files[T any] struct {
	source Source[T]
	value  atomic.Pointer[T]

	mu      sync.Mutex // held by the one who looks
	checked time.Time
	read    time.Time         // the latest, good or not
	seen    []fs.FileInfo     // before that; nil if they could not be read
	digest  [sha256.Size]byte // of what was read, good or not
}

// Source says what is read, and who hears of it. All fields are required.
type Source[T any] struct {
	Paths []string
	// Parse makes the value from the files' contents, in the order of Paths. Its
	// errors are reported, so they must not quote the contents.
	Parse func(contents [][]byte) (T, error)
	Now   func() time.Time
	// Report is told once of each change: nil that it was taken, or why it was not.
	// It must not use the value.
	Report func(error)
}

// The reasons for which a file is not read. They name no file.
var (
	ErrNotThere   = errors.New("the file is not there")
	ErrPermission = errors.New("the file may not be read")
	ErrUnreadable = errors.New("the file cannot be read")
	ErrTooLarge   = errors.New("the file is larger than 4 MiB")
	ErrIrregular  = errors.New("it is not a regular file") // a pipe would be empty the second time
)

// Open reads the files for the first time. Nothing is reported: the error is the
// answer, one of this package's or one of Parse's.
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

// Current returns the newest value that could be read. Whoever comes while another
// caller reads the files gets the value before it, and does not wait.
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
		return // touched, or as broken as before: that was reported
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

// readAll notes how the files look first: a change while they are read is seen next time.
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

// digest tells one outcome of readAll from another.
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
