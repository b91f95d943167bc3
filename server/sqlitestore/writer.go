package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/piinguin/piinguin/server/store"
)

// maxItems bounds a shared transaction: the ledger in the same file waits for it.
const maxItems = store.MaxBatch

// job is the writes of one call.
type job struct {
	ctx   context.Context
	items int
	run   func(*writes) error
	err   error         // set before done is closed
	done  chan struct{} // the transaction has ended
}

// do runs a call's writes in a transaction, with those of other calls that wait at
// the same time. It returns early when the context is done; run may go on then, so
// the caller must not touch again what run writes to.
func (s *Store) do(ctx context.Context, operation string, items int, run func(*writes) error) error {
	if items == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return failure(ctx, operation, nil)
	}
	j := &job{ctx: ctx, items: items, run: run, done: make(chan struct{})}
	select {
	case s.jobs <- j:
	case <-ctx.Done():
		return failure(ctx, operation, nil)
	case <-s.closing:
		return fmt.Errorf("%w: %s: closed", store.ErrUnavailable, operation)
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		return failure(ctx, operation, nil)
	}
	if j.err != nil {
		return failure(ctx, operation, j.err)
	}
	return nil
}

// writer runs jobs until the Store is closed. Whatever waits when a transaction
// begins goes into it: one wait for the disk serves all.
func (s *Store) writer() {
	defer close(s.done)
	for {
		select {
		case j := <-s.jobs:
			s.commit(s.gather(j))
		case <-s.closing:
			return
		}
	}
}

func (s *Store) gather(first *job) []*job {
	jobs, items := []*job{first}, first.items
	for items < maxItems {
		select {
		case j := <-s.jobs:
			jobs, items = append(jobs, j), items+j.items
		default:
			return jobs
		}
	}
	return jobs
}

// commit runs jobs in one transaction. If one returns an error, none took effect: it
// is the engine that failed, as a single row's fault is in the job's own results.
func (s *Store) commit(jobs []*job) {
	err := s.transact(jobs)
	for _, j := range jobs {
		if j.err == nil {
			j.err = err
		}
		close(j.done)
	}
}

// transact has no context: a shared transaction must not end with one caller's. Its
// length is bounded by maxItems and the busy timeout.
func (s *Store) transact(jobs []*job) error {
	tx, err := s.write.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	w := &writes{tx.Stmt(s.standing), tx.Stmt(s.put), tx.Stmt(s.erase), store.FormatTime(time.Now())}
	for _, j := range jobs {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		if err := j.run(w); err != nil {
			return err
		}
	}
	return tx.Commit()
}
