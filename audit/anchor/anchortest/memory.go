package anchortest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/piinguin/piinguin/audit/anchor"
)

// Fault says how a call of Keep fails; the zero Fault is a call that does not.
type Fault struct {
	Err    error
	Stored bool // stored all the same; only the reply is lost
	Hang   bool // return only when the context ends
}

// Memory is a place in memory.
type Memory struct {
	// Fault, if set, says how the nth call of Keep fails, from 1.
	Fault func(n int) Fault
	// Unlisted, if set, is how every List fails, and Unread how every Read does.
	Unlisted, Unread error

	mu    sync.Mutex
	calls int
	kept  map[string][]byte
}

// Keep implements anchor.Place.
func (m *Memory) Keep(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	m.calls++
	var f Fault
	if m.Fault != nil {
		f = m.Fault(m.calls)
	}
	m.mu.Unlock()
	if f.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.Err != nil && !f.Stored {
		return f.Err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if kept, taken := m.kept[name]; taken && !bytes.Equal(kept, data) {
		return &anchor.ConflictError{Name: name, Kept: bytes.Clone(kept[:min(len(kept), anchor.MaxKept)])}
	}
	if m.kept == nil {
		m.kept = map[string][]byte{}
	}
	m.kept[name] = bytes.Clone(data)
	return f.Err
}

// List implements anchor.Place.
func (m *Memory) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := cmp.Or(ctx.Err(), m.Unlisted); err != nil {
			yield("", err)
			return
		}
		m.mu.Lock()
		names := slices.Sorted(maps.Keys(m.kept))
		m.mu.Unlock()
		for _, name := range names {
			below, under := strings.CutPrefix(name, prefix)
			if under && !strings.Contains(below, "/") && name > after && !yield(name, nil) {
				return
			}
		}
	}
}

// Read implements anchor.Place.
func (m *Memory) Read(ctx context.Context, name string) ([]byte, error) {
	if err := cmp.Or(ctx.Err(), m.Unread); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, there := m.kept[name]
	if !there {
		return nil, fmt.Errorf("memory: %w", fs.ErrNotExist)
	}
	return bytes.Clone(kept[:min(len(kept), anchor.MaxKept)]), nil
}

// Calls returns how often Keep was called.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Kept returns what is kept under a name, or nil.
func (m *Memory) Kept(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[name]
}

// Remove removes what is kept under a name.
func (m *Memory) Remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, name)
}
