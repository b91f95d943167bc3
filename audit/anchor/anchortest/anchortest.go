// Package anchortest holds the suite that every anchor.Place passes, a place that
// fails as a test says, and a small real witness.
package anchortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit/anchor"
)

// Opened is a new, empty place and a way to look into it that is not its own.
type Opened struct {
	Place anchor.Place
	Read  func(t *testing.T, name string) []byte // fails the test if nothing is kept
}

// Run runs the conformance suite. A case stands for a sentence of Place's contract.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, o Opened)
	}{
		{"Keeps", keeps},
		{"SameBytesAgain", sameBytesAgain},
		{"OtherBytes", otherBytes},
		{"NamesAreApart", namesAreApart},
		{"Race", race},
		{"RaceOfTheSame", raceOfTheSame},
		{"CancelledContext", cancelledContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func mustKeep(t *testing.T, o Opened, name, data string) {
	t.Helper()
	if err := o.Place.Keep(t.Context(), name, []byte(data)); err != nil {
		t.Fatalf("Keep %s: %v", name, err)
	}
	mustHold(t, o, name, data)
}

func mustHold(t *testing.T, o Opened, name, data string) {
	t.Helper()
	if diff := cmp.Diff(data, string(o.Read(t, name))); diff != "" {
		t.Errorf("%s holds (-want +got):\n%s", name, diff)
	}
}

func keeps(t *testing.T, o Opened) {
	for i, data := range []string{"one\n", "", "— ünïcode\n\x00\xff", strings.Repeat("long\n", 20_000)} {
		mustKeep(t, o, anchor.Name("piinguin-1", int64(i)), data)
	}
	mustKeep(t, o, "no-folder", "x")
}

func sameBytesAgain(t *testing.T, o Opened) {
	for range 3 {
		mustKeep(t, o, "log/1", "the same\n")
	}
}

func otherBytes(t *testing.T, o Opened) {
	mustKeep(t, o, "log/1", "kept\n")
	for _, other := range []string{"Kept\n", "kept", "kept\n\n", "", strings.Repeat("kept\n", 100)} {
		err := o.Place.Keep(t.Context(), "log/1", []byte(other))
		var conflict *anchor.ConflictError
		if !errors.As(err, &conflict) {
			t.Fatalf("Keep of %.10q: %v, want a ConflictError", other, err)
		}
		if conflict.Name != "log/1" || string(conflict.Kept) != "kept\n" {
			t.Errorf("the conflict names %s with %q", conflict.Name, conflict.Kept)
		}
		mustHold(t, o, "log/1", "kept\n")
	}
}

func namesAreApart(t *testing.T, o Opened) {
	names := []string{"a/1", "a/2", "b/1", "ab/1", "a/1.checkpoint"}
	for _, name := range names {
		mustKeep(t, o, name, name)
	}
	for _, name := range names {
		mustHold(t, o, name, name)
	}
}

const racers = 8

func keepAtOnce(t *testing.T, o Opened, data func(i int) string) []error {
	t.Helper()
	errs := make([]error, racers)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = o.Place.Keep(t.Context(), "log/1", []byte(data(i))) })
	}
	all.Wait()
	return errs
}

func race(t *testing.T, o Opened) {
	won := -1
	errs := keepAtOnce(t, o, func(i int) string { return fmt.Sprintf("racer %d\n", i) })
	for i, err := range errs {
		if err == nil && won >= 0 {
			t.Errorf("racers %d and %d both kept", won, i)
		}
		if err == nil {
			won = i
		}
	}
	if won < 0 {
		t.Fatalf("nobody kept: %v", errs)
	}
	winner := fmt.Sprintf("racer %d\n", won)
	mustHold(t, o, "log/1", winner)
	for i, err := range errs {
		var conflict *anchor.ConflictError
		if i != won && (!errors.As(err, &conflict) || string(conflict.Kept) != winner) {
			t.Errorf("racer %d: %v, want a ConflictError with the winner's bytes", i, err)
		}
	}
}

func raceOfTheSame(t *testing.T, o Opened) {
	for i, err := range keepAtOnce(t, o, func(int) string { return "the same\n" }) {
		if err != nil {
			t.Errorf("racer %d: %v", i, err)
		}
	}
	mustHold(t, o, "log/1", "the same\n")
}

func cancelledContext(t *testing.T, o Opened) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Place.Keep(ctx, "log/1", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Keep: %v, want context.Canceled", err)
	}
	mustKeep(t, o, "log/1", "x")
}

// Fault says how a call of Keep fails; the zero Fault is a call that does not.
type Fault struct {
	Err    error
	Stored bool // stored all the same; only the reply is lost
	Hang   bool // return only when the context ends
}

// Memory is a place in memory.
type Memory struct {
	// Fault, if set, says how the nth call fails, from 1.
	Fault func(n int) Fault

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
		return &anchor.ConflictError{Name: name, Kept: bytes.Clone(kept)}
	}
	if m.kept == nil {
		m.kept = map[string][]byte{}
	}
	m.kept[name] = bytes.Clone(data)
	return f.Err
}

// Calls returns how often Keep was called.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Read returns what is kept under a name, or nil.
func (m *Memory) Read(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[name]
}
