package policy

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checkEvery is how long a change of the file may go unnoticed.
const checkEvery = time.Second

// File is the policy of a file that is read again when it changes. It is safe for
// concurrent use.
type File struct {
	path   string
	now    func() time.Time
	failed func(error)
	policy atomic.Pointer[Policy]

	next atomic.Int64 // when to look again, Unix nanoseconds
	mu   sync.Mutex
	text []byte
}

// Open reads the policy of a file. A file that is broken, or not there, when it is read
// again leaves the policy as it was; failed is called once for each such state, with an
// error that names the line.
func Open(path string, now func() time.Time, failed func(error)) (*File, error) {
	f := &File{path: path, now: now, failed: failed}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.next.Store(now().Add(checkEvery).UnixNano())
	return f, nil
}

func (f *File) read() error {
	text, err := os.ReadFile(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.policy.Load() != nil && bytes.Equal(text, f.text)
	f.text = text
	switch {
	case known:
		return nil
	case err != nil:
		return fmt.Errorf("policy: %w", err)
	}
	p, err := New(f.path, text)
	if err != nil {
		return err
	}
	f.policy.Store(p)
	return nil
}

// current reads the file again if it is time. One caller at a time does.
func (f *File) current() *Policy {
	now := f.now()
	if next := f.next.Load(); now.UnixNano() >= next && f.next.CompareAndSwap(next, now.Add(checkEvery).UnixNano()) {
		if err := f.read(); err != nil {
			f.failed(err)
		}
	}
	return f.policy.Load()
}

// Decide decides by the policy as it is now.
func (f *File) Decide(r Request) Decision { return f.current().Decide(r) }

// OfRecords is that of the policy as it is now.
func (f *File) OfRecords() bool { return f.policy.Load().OfRecords() }
