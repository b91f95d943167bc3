package sqlitefile

import "context"

// Read calls run with a connection that reads. Each query of run sees all writes that
// returned before it began. run must be short, and must not call the File: connections are
// few, and it holds one. A query that has begun ends with its next row when ctx is done.
func (f *File) Read(ctx context.Context, run func(Reader) error) error {
	return f.with(ctx, f.readers, run)
}

// Review is Read for queries that may take seconds. It has connections of its own, so Read never
// waits for it. Where all of them are busy it waits until ctx ends.
func (f *File) Review(ctx context.Context, run func(Reader) error) error {
	return f.with(ctx, f.reviewers, func(r Reader) error {
		r.on.endWith(ctx)
		defer r.on.endWith(context.Background())
		return run(r)
	})
}

func (f *File) with(ctx context.Context, p *pool, run func(Reader) error) error {
	if err := f.watch.moved(); err != nil {
		return err
	}
	select {
	case <-f.closing:
		return ErrClosed
	default:
	}
	select {
	case <-p.free:
		c := p.take()
		defer p.put(c)
		return run(Reader{ctx, c})
	case <-ctx.Done():
		return ctx.Err()
	case <-f.closing:
		return ErrClosed
	}
}

// Snapshot is Review, and all queries of run see the file as it was at the first of them. As
// long as run goes on the write-ahead log cannot be reset.
func (f *File) Snapshot(ctx context.Context, run func(Reader) error) error {
	return f.Review(ctx, func(r Reader) error {
		if _, err := (Writer{r}).Exec(`BEGIN`); err != nil {
			return err
		}
		defer func() {
			r.on.endWith(context.Background())
			_, _ = Writer{Reader{context.Background(), r.on}}.Exec(rollback)
		}()
		return run(r)
	})
}
