package storetest_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

// stale answers a key's reads by what was found there the first time.
type stale struct {
	store.Store
	mu    sync.Mutex
	first map[string]store.GetResult
}

func (s *stale) Get(ctx context.Context, keys []string) []store.GetResult {
	results := s.Store.Get(ctx, keys)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, key := range keys {
		if _, ok := s.first[key]; !ok {
			s.first[key] = results[i]
		}
		results[i] = s.first[key]
	}
	return results
}

// forgetful erases without a tombstone's time.
type forgetful struct{ store.Store }

func (s forgetful) Erase(ctx context.Context, keys []string, _ time.Time) []store.EraseResult {
	return s.Store.Erase(ctx, keys, time.Unix(0, 0))
}

// lossy says of each third put over an older record that it has stored it, and has not.
type lossy struct {
	store.Store
	mu sync.Mutex
	n  int
}

func (s *lossy) Put(ctx context.Context, records []store.Record) []store.PutResult {
	got := s.Get(ctx, []string{records[0].ModifiedValue})[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	if got.Err == nil && got.Record.ObservedAt.Before(records[0].ObservedAt) {
		if s.n++; s.n%3 == 0 {
			return []store.PutResult{{Outcome: store.Replaced}}
		}
	}
	return s.Store.Put(ctx, records)
}

// hasty answers an erasure before it is done.
type hasty struct {
	store.Store
	done sync.WaitGroup
}

func (s *hasty) Erase(ctx context.Context, keys []string, at time.Time) []store.EraseResult {
	results := make([]store.EraseResult, len(keys))
	for i, got := range s.Get(ctx, keys) {
		results[i].Erased = got.Err == nil
	}
	s.done.Go(func() {
		for range 100 {
			runtime.Gosched()
		}
		s.Store.Erase(ctx, keys, at)
	})
	return results
}

// TestLinearizableRefutes holds that the check can fail: each of these stores breaks
// one sentence of the contract.
func TestLinearizableRefutes(t *testing.T) {
	late := &hasty{Store: store.NewMem()}
	t.Cleanup(late.done.Wait)
	for name, s := range map[string]store.Store{
		"stale":     &stale{Store: store.NewMem(), first: map[string]store.GetResult{}},
		"forgetful": forgetful{store.NewMem()},
		"lossy":     &lossy{Store: store.NewMem()},
		"hasty":     late,
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			for seed := uint64(0); err == nil && seed < 20; seed++ {
				_, err = storetest.Linearizable(t.Context(), s, seed)
			}
			if err == nil || !strings.Contains(err.Error(), "no order") {
				t.Errorf("a broken store passes: %v", err)
			}
		})
	}
}

// TestLinearizableWithLostReplies fails one call of ten, applied or not: what has no answer
// may have happened, and nothing else is excused.
func TestLinearizableWithLostReplies(t *testing.T) {
	for seed := range uint64(5) {
		calls := 0
		s := storetest.NewFaulty(store.NewMem(), func(string, int) storetest.Fault {
			if calls++; calls%10 == 0 {
				return storetest.Fault{Err: store.ErrUnavailable, Apply: calls%20 == 0}
			}
			return storetest.Fault{}
		})
		if unknown, err := storetest.Linearizable(t.Context(), s, seed); err != nil || unknown != 15 {
			t.Errorf("seed %d, %d failed: %v", seed, unknown, err)
		}
	}
}
