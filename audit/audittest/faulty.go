package audittest

import (
	"cmp"
	"context"
	"iter"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// The operations that a faulty store fails.
const (
	Commit = "Commit"
	Last   = "Last"
	Pages  = "Pages"
	Entry  = "Entry"
	List   = "List"
	Logs   = "Logs"
	Lines  = "Lines"
	Tile   = "Tile"
)

// Fate is what becomes of the page of a Commit that fails.
type Fate int

// The fates.
const (
	Lost   Fate = iota // never stored
	Stored             // stored; only the reply is lost
	Late               // stored when the next Commit begins, after all that was read between
)

// Fault says how a call fails; the zero Fault is a call that does not.
type Fault struct {
	Err  error // what the caller is told
	Fate Fate  // of a Commit
	Hang bool  // return only when the context ends; without Err with its error
}

type faulty struct {
	audit.Store
	f func(op string, n int) Fault

	mu    sync.Mutex
	calls map[string]int
	late  []audit.Page
}

// NewFaulty returns a store whose calls fail as f says: its commits, and whatever reads pages,
// entries or tiles. f gets the operation and which call of that operation it is, from 1;
// it runs for one call at a time, before the engine does anything, so it may keep a
// state or end the caller's context, but may not use the faulty store.
func NewFaulty(store audit.Store, f func(op string, n int) Fault) audit.Store {
	return &faulty{Store: store, f: f, calls: map[string]int{}}
}

func (s *faulty) fault(op string) (f Fault, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
	f = s.f(op, s.calls[op])
	return f, f.Err != nil || f.Hang
}

// fail waits as the fault says and returns its error.
func (f Fault) fail(ctx context.Context) error {
	if f.Hang {
		<-ctx.Done()
	}
	return cmp.Or(f.Err, ctx.Err())
}

// Commit implements audit.Log.
func (s *faulty) Commit(ctx context.Context, p audit.Page) error {
	f, failing := s.fault(Commit)
	s.land(ctx)
	if !failing {
		return s.Store.Commit(ctx, p)
	}
	switch f.Fate {
	case Stored:
		if err := s.Store.Commit(ctx, p); err != nil {
			return err
		}
	case Late:
		s.mu.Lock()
		s.late = append(s.late, p)
		s.mu.Unlock()
	}
	return f.fail(ctx)
}

// land stores the late pages. Those whose number was taken meanwhile are refused,
// which is what makes the late ones harmless.
func (s *faulty) land(ctx context.Context) {
	s.mu.Lock()
	late := s.late
	s.late = nil
	s.mu.Unlock()
	for _, p := range late {
		_ = s.Store.Commit(context.WithoutCancel(ctx), p)
	}
}

// reading does a call that changes nothing, unless it is to fail.
func reading[R any](ctx context.Context, s *faulty, op string, read func() (R, error)) (R, error) {
	if f, failing := s.fault(op); failing {
		var nothing R
		return nothing, f.fail(ctx)
	}
	return read()
}

// Last implements audit.Log.
func (s *faulty) Last(ctx context.Context, log string) (audit.Page, error) {
	return reading(ctx, s, Last, func() (audit.Page, error) { return s.Store.Last(ctx, log) })
}

// Entry implements audit.Index.
func (s *faulty) Entry(ctx context.Context, log string, index int64) (audit.Entry, error) {
	return reading(ctx, s, Entry, func() (audit.Entry, error) { return s.Store.Entry(ctx, log, index) })
}

// List implements audit.Index.
func (s *faulty) List(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	return reading(ctx, s, List, func() ([]audit.Entry, error) { return s.Store.List(ctx, q) })
}

// Logs implements audit.Index.
func (s *faulty) Logs(ctx context.Context) ([]string, error) {
	return reading(ctx, s, Logs, func() ([]string, error) { return s.Store.Logs(ctx) })
}

// Lines implements audit.Tiles.
func (s *faulty) Lines(ctx context.Context, log string, first, count int64) ([][]byte, error) {
	return reading(ctx, s, Lines, func() ([][]byte, error) { return s.Store.Lines(ctx, log, first, count) })
}

// Tile implements audit.Tiles.
func (s *faulty) Tile(ctx context.Context, log string, level int, number int64) ([]tlog.Hash, error) {
	return reading(ctx, s, Tile, func() ([]tlog.Hash, error) { return s.Store.Tile(ctx, log, level, number) })
}

// Pages implements audit.Log.
func (s *faulty) Pages(ctx context.Context, log string, from int64) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		if f, failing := s.fault(Pages); failing {
			yield(audit.Page{}, f.fail(ctx))
			return
		}
		for p, err := range s.Store.Pages(ctx, log, from) {
			if !yield(p, err) {
				return
			}
		}
	}
}
