package sqlitefile

import (
	"context"
	"errors"
)

// Connections that read. A long query of a reviewer keeps one of its own kind busy, so reads of
// records and the ledger's own never wait for it.
const (
	readers   = 4 // for Read
	reviewers = 2 // for Review and Snapshot: each may keep a core busy for seconds
)

// pool is connections that read. One goroutine opens and closes it, any number use it.
type pool struct {
	free   chan *conn // those that nobody uses at the moment
	opened int
}

func newPool(size int) pool { return pool{free: make(chan *conn, size)} }

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
		p.free <- c
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
		errs = append(errs, (<-p.free).close())
	}
	return errors.Join(errs...)
}
