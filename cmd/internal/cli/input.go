package cli

import (
	"context"
	"io"
	"os"
	"sync"
)

// Interruptible returns a reader of in whose reads end when ctx does, with its error. A read of a pipe or a
// terminal may wait for ever, and a signal does not end it. Nothing is read before the first Read. The
// read that waits is left behind until the process ends.
func Interruptible(ctx context.Context, in io.Reader) io.Reader {
	out, feed := io.Pipe()
	return &interruptible{out: out, begin: sync.OnceFunc(func() {
		go func() {
			_, err := io.Copy(feed, in)
			_ = feed.CloseWithError(err) // nil is io.EOF
		}()
		context.AfterFunc(ctx, func() { _ = feed.CloseWithError(ctx.Err()) })
	})}
}

type interruptible struct {
	begin func()
	out   io.Reader
}

// Read implements io.Reader.
func (i *interruptible) Read(p []byte) (int, error) {
	i.begin()
	return i.out.Read(p)
}

// Open opens a file of any kind, for reading. It returns the error of ctx when that ends first: opening a
// named pipe waits until somebody writes to it. Reads may wait as well; see Interruptible.
func Open(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(name) //nolint:gosec // the operator names the file
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
