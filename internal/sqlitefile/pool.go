package sqlitefile

import (
	"context"
	"errors"
	"sync"
)

// Connections that read, of one File. A long query of a reviewer keeps one of its own kind busy, so reads of
// records and the ledger's own never wait for it.
const (
	Readers   = 4 // for Read
	reviewers = 2 // for Review and Snapshot: each may keep a core busy for seconds
)

// pool is connections that read. One goroutine opens and closes it, any number use it.
//
// It gives out the connection that was used last. After each commit a connection reads again the pages that it
// needs; in turn, all of them would.
type pool struct {
	free   chan struct{} // one for each connection that nobody uses at the moment
	opened int

	mu   sync.Mutex
	idle []*conn // the one used last stands last
}

func newPool(size int) *pool { return &pool{free: make(chan struct{}, size)} }

// put takes a connection back, or in.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	p.free <- struct{}{}
}

// take returns a connection to whoever has received from free.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c
}

// openReaders fills both pools.
func (f *File) openReaders(ctx context.Context, path, mode string, pragmas ...string) error {
	if err := f.readers.open(ctx, path, mode, pragmas); err != nil {
		return err
	}
	return f.reviewers.open(ctx, path, mode, pragmas)
}

func (p *pool) open(ctx context.Context, path, mode string, pragmas []string) error {
	for p.opened < cap(p.free) {
		c, err := connect(ctx, path, mode, pragmas...)
		if err != nil {
			return err
		}
		p.put(c)
		p.opened++
		var n int
		if _, err := (Reader{ctx, c}).First(`SELECT count(*) FROM sqlite_schema`, nil, &n); err != nil {
			return err
		}
	}
	return nil
}

// close closes each connection as soon as nobody uses it.
func (p *pool) close() error {
	var errs []error
	for ; p.opened > 0; p.opened-- {
		<-p.free
		errs = append(errs, p.take().close())
	}
	return errors.Join(errs...)
}
