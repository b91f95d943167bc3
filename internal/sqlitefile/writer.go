package sqlitefile

import "context"

const (
	begin    = `BEGIN IMMEDIATE`
	commit   = `COMMIT`
	rollback = `ROLLBACK`

	savepoint         = `SAVEPOINT job`
	rollbackSavepoint = `ROLLBACK TO job`
	releaseSavepoint  = `RELEASE job`
)

// writer runs jobs until the File is closed. What waits when a transaction begins goes into
// it: one wait for the disk serves all.
func (f *File) writer() {
	var left *job // taken from the queue, but too large for the transaction before
	for {
		var jobs []*job
		if jobs, left = f.gather(left); len(jobs) == 0 {
			return
		}
		f.commit(jobs)
	}
}

// gather waits for a job and takes what waits beside it: one page, which goes first, and up to
// MaxRows rows. left is a job that is for the next transaction. No job means that the File is
// closed.
func (f *File) gather(first *job) (jobs []*job, left *job) {
	var page *job
	if first == nil {
		select {
		case page = <-f.pages:
		case first = <-f.rows:
		case <-f.closing:
			return nil, nil
		}
	}
	if page == nil {
		select {
		case page = <-f.pages:
		default:
		}
	}
	rows := 0
	for _, j := range []*job{page, first} {
		if j != nil {
			jobs, rows = append(jobs, j), rows+j.rows
		}
	}
	for {
		select {
		case j := <-f.rows:
			if rows += j.rows; rows > MaxRows {
				return jobs, j
			}
			jobs = append(jobs, j)
		default:
			return jobs, nil
		}
	}
}

// commit runs the jobs in a transaction and tells all of them after it. SQLite undoes the
// whole transaction after some errors of one statement, such as a full disk. The job that met
// the error is told so then, and the others run again without it.
func (f *File) commit(jobs []*job) {
	f.writing.Lock()
	defer f.writing.Unlock()
	for len(jobs) > 0 {
		culprit, err := f.transact(jobs)
		var again []*job
		for _, j := range jobs {
			if culprit != nil && j != culprit {
				again = append(again, j)
				continue
			}
			if j.err == nil {
				j.err = err
			}
			close(j.done)
		}
		jobs = again
	}
	select {
	case f.keeper.committed <- struct{}{}:
	default:
	}
}

// transact runs the jobs in one transaction. It has no caller's context: a transaction that
// serves many must not end with one. The error is of every job that has none of its own. If
// there is a culprit, it has its error, and nothing of any job took effect.
func (f *File) transact(jobs []*job) (culprit *job, err error) {
	f.lookAtLog()
	if err := f.watch.moved(); err != nil {
		return nil, err
	}
	w := Writer{Reader{context.Background(), f.write}}
	if _, err := w.Exec(begin); err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		var whole bool
		if j.err, whole = w.runJob(j.run, len(jobs) == 1); !whole {
			_, _ = w.Exec(rollback) // after some errors SQLite has done so already
			return j, nil
		}
	}
	if _, err := w.Exec(commit); err != nil {
		_, _ = w.Exec(rollback)
		return nil, err
	}
	// Only now: files that are exchanged while the transaction runs must not take it along.
	f.lookAtLog()
	return nil, f.watch.look()
}

// runJob runs a job between savepoints. whole reports whether the transaction still stands.
//
// A job that is alone needs none: its error ends the transaction, which nobody shares. With a
// savepoint SQLite would copy every page before the job changes it, a tenth of the CPU time of
// an audited read.
func (w Writer) runJob(run func(Writer) error, alone bool) (err error, whole bool) { //nolint:revive // the error is the job's, not the call's
	if alone {
		err := run(w)
		return err, err == nil
	}
	if _, err := w.Exec(savepoint); err != nil {
		return err, false
	}
	if err := run(w); err != nil {
		_, undo := w.Exec(rollbackSavepoint)
		if undo == nil {
			_, undo = w.Exec(releaseSavepoint)
		}
		return err, undo == nil
	}
	if _, err := w.Exec(releaseSavepoint); err != nil {
		return err, false
	}
	return nil, true
}
