package sqlitefile

import "context"

// MaxRows is how many rows the jobs of WriteRows write in one transaction. A page of the
// ledger that comes meanwhile waits for no more than these.
const MaxRows = 64

// job is what one call writes.
type job struct {
	ctx  context.Context
	rows int
	run  func(Writer) error
	err  error         // set before done is closed
	done chan struct{} // the transaction has ended
}

// WritePage runs a write of the ledger as the first job of the next transaction, which holds
// no other page. See WriteRows for what it returns.
func (f *File) WritePage(ctx context.Context, run func(Writer) error) error {
	return f.do(f.pages, &job{ctx: ctx, run: run, done: make(chan struct{})})
}

// WriteRows runs a job that writes up to rows rows, 1 to MaxRows, in a transaction with other
// jobs that wait. nil means that what the job wrote is on disk.
//
// run has a savepoint of its own: an error of run undoes what run wrote, and nothing of
// another job, and WriteRows returns that error. After any other error it is not known whether
// the writes took effect.
//
// WriteRows returns early when the context is done. A job that has not begun by then never
// does; one that has goes on, so the caller must not touch again what run writes to. run may
// be called more than once, each time after the writes of the time before were undone.
func (f *File) WriteRows(ctx context.Context, rows int, run func(Writer) error) error {
	if rows < 1 || rows > MaxRows {
		panic("sqlitefile: a job must write 1 to MaxRows rows")
	}
	return f.do(f.rows, &job{ctx: ctx, rows: rows, run: run, done: make(chan struct{})})
}

func (f *File) do(queue chan<- *job, j *job) error {
	if f.ReadOnly() {
		return ErrReadOnly
	}
	if err := j.ctx.Err(); err != nil {
		return err
	}
	select {
	case queue <- j:
	case <-j.ctx.Done():
		return j.ctx.Err()
	case <-f.closing:
		return ErrClosed
	}
	select {
	case <-j.done:
		return j.err
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}
