package sqlitefile

import "context"

// Read calls run with a connection that reads. Each query of run sees all writes that
// returned before it began. run must not call the File: connections are few, and it holds
// one.
func (f *File) Read(ctx context.Context, run func(Reader) error) error {
	if err := f.watch.moved(); err != nil {
		return err
	}
	select {
	case <-f.closing:
		return ErrClosed
	default:
	}
	select {
	case c := <-f.readers:
		defer func() { f.readers <- c }()
		return run(Reader{ctx, c})
	case <-ctx.Done():
		return ctx.Err()
	case <-f.closing:
		return ErrClosed
	}
}

// Snapshot is Read, and all queries of run see the file as it was at the first of them. As
// long as run goes on the write-ahead log cannot be reset.
func (f *File) Snapshot(ctx context.Context, run func(Reader) error) error {
	return f.Read(ctx, func(r Reader) error {
		if _, err := (Writer{r}).Exec(`BEGIN`); err != nil {
			return err
		}
		defer func() { _, _ = Writer{Reader{context.WithoutCancel(ctx), r.on}}.Exec(rollback) }()
		return run(r)
	})
}
