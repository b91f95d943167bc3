package audittest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// The operations that a faulty store fails: the names of the methods of audit.Store and
// audit.Leases.
const (
	Commit          = "Commit"
	Last            = "Last"
	Pages           = "Pages"
	Blobs           = "Blobs"
	BlobsAt         = "BlobsAt"
	PutBlobs        = "PutBlobs"
	KeepVerifierKey = "KeepVerifierKey"
	VerifierKey     = "VerifierKey"
	Survey          = "Survey"
	Prune           = "Prune"
	PruneBlobs      = "PruneBlobs"
	Lease           = "Lease"
)

// Fate is what becomes of a write that fails. A reading has none.
type Fate int

// The fates.
const (
	Lost   Fate = iota // never stored
	Stored             // stored; only the reply is lost
	Late               // stored when the next Commit begins, after everything that was read until then
)

// Fault says how a call fails. The zero Fault lets the call succeed.
type Fault struct {
	Err  error // what the caller gets
	Fate Fate  // of a write
	Hang bool  // return only when the context ends; the caller gets the context's error if Err is nil
}

// faults counts calls, and decides which of them fail.
type faults struct {
	f func(op string, n int) Fault

	mu    sync.Mutex
	calls map[string]int
	late  []func(ctx context.Context)
}

// faulty embeds no store: after audit.Store gets a method, faulty does not compile until it can fail it.
type faulty struct {
	faultyReader
	store audit.Store
}

// faultyReader is what a faulty store and its Reviews read with.
type faultyReader struct {
	reader func() audit.Reader
	*faults
}

var _ audit.Store = (*faulty)(nil)

// NewFaulty returns a store whose calls fail as f says. f gets the operation and the number of the
// call of that operation, from 1; a call of what Reviews returns counts as one of the store itself. f
// runs for one call at a time, before the engine does anything. So it may keep a state, or end the
// caller's context, but it may not use the faulty store.
func NewFaulty(store audit.Store, f func(op string, n int) Fault) audit.Store {
	return &faulty{faultyReader{func() audit.Reader { return store }, newFaults(f)}, store}
}

// faultyLeases is apart from faulty, because not every store has leases.
type faultyLeases struct {
	leases audit.Leases
	*faults
}

// NewFaultyLeases is NewFaulty for leases.
func NewFaultyLeases(leases audit.Leases, f func(op string, n int) Fault) audit.Leases {
	return &faultyLeases{leases, newFaults(f)}
}

func newFaults(f func(op string, n int) Fault) *faults {
	return &faults{f: f, calls: map[string]int{}}
}

// next returns the fault of an operation's next call.
func (s *faults) next(op string) (f Fault, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
	f = s.f(op, s.calls[op])
	return f, f.Err != nil || f.Hang
}

// fail waits as the fault says, and returns its error.
func (f Fault) fail(ctx context.Context) error {
	if f.Hang {
		<-ctx.Done()
	}
	return cmp.Or(f.Err, ctx.Err())
}

// land does the writes that come late. The engine decides whether they still change anything.
func (s *faults) land(ctx context.Context) {
	s.mu.Lock()
	late := s.late
	s.late = nil
	s.mu.Unlock()
	for _, write := range late {
		write(context.WithoutCancel(ctx))
	}
}

// reading does a call that changes nothing, unless it is to fail.
func reading[R any](ctx context.Context, s *faults, op string, read func() (R, error)) (R, error) {
	if f, failing := s.next(op); failing {
		var none R
		return none, f.fail(ctx)
	}
	return read()
}

// iterating is reading for an iterator, which fails when it begins.
func iterating[R any](ctx context.Context, s *faults, op string, read func() iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		if f, failing := s.next(op); failing {
			var none R
			yield(none, f.fail(ctx))
			return
		}
		read()(yield)
	}
}

// writing does a write, unless it is to fail. A write that fails still happens if its fate says so.
func writing[R any](ctx context.Context, s *faults, op string, write func(ctx context.Context) (R, error)) (R, error) {
	f, failing := s.next(op)
	if op == Commit {
		s.land(ctx)
	}
	if !failing {
		return write(ctx)
	}
	var none R
	switch f.Fate {
	case Stored:
		if r, err := write(ctx); err != nil {
			return r, err
		}
	case Late:
		s.mu.Lock()
		s.late = append(s.late, func(ctx context.Context) { _, _ = write(ctx) })
		s.mu.Unlock()
	}
	return none, f.fail(ctx)
}

// nothing makes a write with no result one for writing.
func nothing(write func(ctx context.Context) error) func(ctx context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, write(ctx) }
}

// Commit implements audit.Log.
func (s *faulty) Commit(ctx context.Context, p audit.Page) error {
	_, err := writing(ctx, s.faults, Commit, nothing(func(ctx context.Context) error { return s.store.Commit(ctx, p) }))
	return err
}

// PutBlobs implements audit.Backend.
func (s *faulty) PutBlobs(ctx context.Context, blobs []audit.Blob) error {
	blobs = slices.Clone(blobs) // a late write must not see how the caller uses its slice again
	_, err := writing(ctx, s.faults, PutBlobs, nothing(func(ctx context.Context) error { return s.store.PutBlobs(ctx, blobs) }))
	return err
}

// KeepVerifierKey implements audit.Backend.
func (s *faulty) KeepVerifierKey(ctx context.Context, key string) (string, error) {
	return writing(ctx, s.faults, KeepVerifierKey, func(ctx context.Context) (string, error) { return s.store.KeepVerifierKey(ctx, key) })
}

// Reviews implements audit.Backend.
func (s *faulty) Reviews() audit.Reader {
	return faultyReader{func() audit.Reader { return s.store.Reviews() }, s.faults}
}

// Survey implements audit.Evidence.
func (s *faulty) Survey(ctx context.Context, stray func(*audit.RowError)) (audit.Survey, error) {
	return reading(ctx, s.faults, Survey, func() (audit.Survey, error) { return s.store.Survey(ctx, stray) })
}

// Prune implements audit.Pruner.
func (s *faulty) Prune(ctx context.Context, stub audit.Page) error {
	_, err := writing(ctx, s.faults, Prune, nothing(func(ctx context.Context) error { return s.store.Prune(ctx, stub) }))
	return err
}

// PruneBlobs implements audit.Pruner.
func (s *faulty) PruneBlobs(ctx context.Context, log audit.LogID, kind string, from, to int64) error {
	_, err := writing(ctx, s.faults, PruneBlobs, nothing(func(ctx context.Context) error { return s.store.PruneBlobs(ctx, log, kind, from, to) }))
	return err
}

// Last implements audit.PageReader.
func (s faultyReader) Last(ctx context.Context, log audit.LogID) (audit.Page, error) {
	return reading(ctx, s.faults, Last, func() (audit.Page, error) { return s.reader().Last(ctx, log) })
}

// Pages implements audit.PageReader.
func (s faultyReader) Pages(ctx context.Context, log audit.LogID, from int64) iter.Seq2[audit.Page, error] {
	return iterating(ctx, s.faults, Pages, func() iter.Seq2[audit.Page, error] { return s.reader().Pages(ctx, log, from) })
}

// Blobs implements audit.BlobReader.
func (s faultyReader) Blobs(ctx context.Context, log audit.LogID, kind string, from int64) iter.Seq2[audit.Blob, error] {
	return iterating(ctx, s.faults, Blobs, func() iter.Seq2[audit.Blob, error] { return s.reader().Blobs(ctx, log, kind, from) })
}

// BlobsAt implements audit.BlobReader.
func (s faultyReader) BlobsAt(ctx context.Context, log audit.LogID, kind string, numbers []int64) ([]audit.Blob, error) {
	return reading(ctx, s.faults, BlobsAt, func() ([]audit.Blob, error) { return s.reader().BlobsAt(ctx, log, kind, numbers) })
}

// VerifierKey implements audit.Reader.
func (s faultyReader) VerifierKey(ctx context.Context) (string, error) {
	return reading(ctx, s.faults, VerifierKey, func() (string, error) { return s.reader().VerifierKey(ctx) })
}

// Lease implements audit.Leases.
func (s *faultyLeases) Lease(ctx context.Context, log audit.LogID, holder string, now, until time.Time) (bool, error) {
	return writing(ctx, s.faults, Lease, func(ctx context.Context) (bool, error) { return s.leases.Lease(ctx, log, holder, now, until) })
}
