package server

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// pool hands out memory to callers, in bytes. One caller gets no more than a share of it, so that
// whatever it holds leaves the rest to the others. It is safe for concurrent use.
type pool struct {
	all   *semaphore.Weighted
	share int64

	mu      sync.Mutex
	callers map[string]*account // by policy.Caller.Principal; of those that hold or wait
}

// account is what one caller may still take.
type account struct {
	free  *semaphore.Weighted
	parts int
}

func newPool(size, share int64) *pool {
	return &pool{all: semaphore.NewWeighted(size), share: share, callers: map[string]*account{}}
}

// part is what one request holds of a pool. It serves one goroutine.
type part struct {
	pool    *pool
	caller  string
	account *account
	size    int64
}

// open returns a part of size 0. Close it.
func (p *pool) open(caller string) *part {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, known := p.callers[caller]
	if !known {
		a = &account{free: semaphore.NewWeighted(p.share)}
		p.callers[caller] = a
	}
	a.parts++
	return &part{pool: p, caller: caller, account: a}
}

// grow takes n bytes more. It returns false if it waits longer than wait for its share, or for the pool. The share
// comes first: a caller that waits for its own share takes nothing from the others.
func (t *part) grow(ctx context.Context, wait time.Duration, n int64) bool {
	if !acquire(ctx, t.account.free, wait, n) {
		return false
	}
	if !acquire(ctx, t.pool.all, wait, n) {
		t.account.free.Release(n)
		return false
	}
	t.size += n
	return true
}

// acquire takes n from a semaphore. Only where it has to wait does it pay for a timer.
func acquire(ctx context.Context, from *semaphore.Weighted, wait time.Duration, n int64) bool {
	if from.TryAcquire(n) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return from.Acquire(ctx, n) == nil
}

// shrink gives back what is beyond size.
func (t *part) shrink(size int64) {
	n := t.size - min(size, t.size)
	if n == 0 {
		return
	}
	t.size -= n
	t.pool.all.Release(n)
	t.account.free.Release(n)
}

// close gives everything back.
func (t *part) close() {
	t.shrink(0)
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	if t.account.parts--; t.account.parts == 0 {
		delete(t.pool.callers, t.caller)
	}
}
