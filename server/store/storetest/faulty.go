package storetest

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/piinguin/piinguin/server/store"
)

// The operations that a faulty store fails.
const (
	Put   = "Put"
	Get   = "Get"
	Erase = "Erase"
	Ready = "Ready"
)

// Fault says how a call fails; the zero Fault is a call that does not.
type Fault struct {
	Err   error // of every item
	Apply bool  // the engine does it nevertheless; only the answer is lost
	Hang  bool  // return only when the context ends; without Err with its error
}

type faulty struct {
	store store.Store
	f     func(op string, n int) Fault

	mu    sync.Mutex
	calls map[string]int
}

// NewFaulty returns a store whose calls fail as f says. f gets the operation and which
// call of that operation it is, from 1; it runs for one call at a time, before
// the engine does anything, so it may keep a state or end the caller's context, but may
// not use the faulty store.
func NewFaulty(s store.Store, f func(op string, n int) Fault) store.Store {
	return &faulty{store: s, f: f, calls: map[string]int{}}
}

// call does one call, which as a fault says may fail.
func call[R any](ctx context.Context, s *faulty, op string, do func(context.Context) R, failed func(error) R) R {
	s.mu.Lock()
	s.calls[op]++
	f := s.f(op, s.calls[op])
	s.mu.Unlock()
	if f.Err == nil && !f.Hang {
		return do(ctx)
	}
	if f.Apply {
		do(context.WithoutCancel(ctx))
	}
	if f.Hang {
		<-ctx.Done()
	}
	return failed(cmp.Or(f.Err, ctx.Err()))
}

// each returns a result for each of n items, all failed with an error.
func each[R any](n int, result func(error) R) func(error) []R {
	return func(err error) []R {
		results := make([]R, n)
		for i := range results {
			results[i] = result(err)
		}
		return results
	}
}

// Put implements store.Store.
func (s *faulty) Put(ctx context.Context, records []store.Record) []store.PutResult {
	return call(ctx, s, Put,
		func(ctx context.Context) []store.PutResult { return s.store.Put(ctx, records) },
		each(len(records), func(err error) store.PutResult { return store.PutResult{Err: err} }))
}

// Get implements store.Store.
func (s *faulty) Get(ctx context.Context, modifiedValues []string) []store.GetResult {
	return call(ctx, s, Get,
		func(ctx context.Context) []store.GetResult { return s.store.Get(ctx, modifiedValues) },
		each(len(modifiedValues), func(err error) store.GetResult { return store.GetResult{Err: err} }))
}

// Erase implements store.Store.
func (s *faulty) Erase(ctx context.Context, modifiedValues []string, at time.Time) []store.EraseResult {
	return call(ctx, s, Erase,
		func(ctx context.Context) []store.EraseResult { return s.store.Erase(ctx, modifiedValues, at) },
		each(len(modifiedValues), func(err error) store.EraseResult { return store.EraseResult{Err: err} }))
}

// Ready implements store.Store.
func (s *faulty) Ready(ctx context.Context) error {
	return call(ctx, s, Ready, s.store.Ready, func(err error) error { return err })
}
