package audit_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

var errEngine = errors.New("engine fault")

// hookedStore calls a function before each Commit, and fails with its error.
type hookedStore struct {
	audit.Store
	hook atomic.Pointer[func(ctx context.Context, p audit.Page) error]
}

func newHooked(s audit.Store) *hookedStore { return &hookedStore{Store: s} }

func (s *hookedStore) before(f func(ctx context.Context, p audit.Page) error) { s.hook.Store(&f) }

func (s *hookedStore) Commit(ctx context.Context, p audit.Page) error {
	if f := s.hook.Load(); f != nil {
		if err := (*f)(ctx, p); err != nil {
			return err
		}
	}
	return s.Store.Commit(ctx, p)
}

// takes is a hook for an engine that takes some time for a commit.
func takes(d time.Duration) func(context.Context, audit.Page) error {
	return func(ctx context.Context, _ audit.Page) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitsFor is a hook for an engine whose commits wait until a channel is closed.
func waitsFor(c chan struct{}) func(context.Context, audit.Page) error {
	return func(ctx context.Context, _ audit.Page) error {
		select {
		case <-c:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// switched returns a fault for the operations that fail while it is set.
type switched struct {
	fault atomic.Pointer[audittest.Fault]
	only  string // the operation; all if empty
}

func (s *switched) set(f audittest.Fault) { s.fault.Store(&f) }
func (s *switched) clear()                { s.fault.Store(nil) }

func (s *switched) f(op string, _ int) audittest.Fault {
	if f := s.fault.Load(); f != nil && (s.only == "" || op == s.only) {
		return *f
	}
	return audittest.Fault{}
}

// startAppend appends in another goroutine; the result comes through the channel.
func startAppend(ctx context.Context, l *audit.Ledger, e audit.Entry) <-chan audit.Result {
	c := make(chan audit.Result, 1)
	go func() {
		d, err := l.Append(ctx, e)
		c <- audit.Result{Durable: d, Err: err}
	}()
	return c
}

// pageSizes are the numbers of entries in a log's pages.
func pageSizes(t *testing.T, s audit.Store, log audit.LogID) []int {
	t.Helper()
	var sizes []int
	for p, err := range s.Pages(t.Context(), log, 0) {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(p.Lines))
	}
	return sizes
}

// times counts the entries of a request in the whole store.
func times(t *testing.T, m *audit.Mem, request string) int {
	t.Helper()
	n := 0
	for log := range audit.LogID(audit.MaxLogs + 1) {
		for _, p := range m.RawPages(log) {
			entries, err := p.Entries()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.RequestID == request {
					n++
				}
			}
		}
	}
	return n
}

func mustBeWhole(t *testing.T, s audit.Store) {
	t.Helper()
	given := newKey(t, 1).Verifier()
	for _, key := range []*audit.VerifierKey{nil, &given} {
		if r := mustVerify(t, s, key); len(r.Findings) > 0 {
			t.Fatalf("findings: %v", r.Findings)
		}
	}
}
