// Package anchortest holds the suite that every anchor.Place passes, a place that
// fails as a test says, and a small real witness.
package anchortest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
		{"Lists", lists},
		{"Reads", reads},
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
		mustKeep(t, o, anchor.Name("vault.example.com/pii", int64(i)), data)
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
	names := []string{"a/1", "a/2", "b/1", "ab/1", "a/1.kept"}
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

func mustList(t *testing.T, o Opened, after string, want ...string) {
	t.Helper()
	const prefix = "a/b/"
	var names []string
	for name, err := range o.Place.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("List %s after %q: %v", prefix, after, err)
		}
		names = append(names, name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("List %s after %q (-want +got):\n%s", prefix, after, diff)
	}
}

func lists(t *testing.T, o Opened) {
	mustList(t, o, "")
	sizes := []int64{3, 1, 20, 100}
	for _, size := range sizes {
		mustKeep(t, o, anchor.Name("a/b", size), "x")
	}
	for _, other := range []string{"a/1.kept", "a/bc/1.kept", "a/b/c/1.kept", "b/1.kept"} {
		mustKeep(t, o, other, "x")
	}
	at := func(size int64) string { return anchor.Name("a/b", size) }
	all := []string{at(1), at(3), at(20), at(100)}
	mustList(t, o, "", all...)
	mustList(t, o, at(0), all...)
	mustList(t, o, at(3), all[2:]...)
	mustList(t, o, at(19), all[2:]...)
	mustList(t, o, at(100))
	for range o.Place.List(t.Context(), "a/b/", "") {
		break // whoever has what they want stops
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range o.Place.List(ctx, "a/b/", "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("List with a context that ended: %q, %v", name, err)
		}
	}
}

func reads(t *testing.T, o Opened) {
	long := strings.Repeat("long\n", anchor.MaxKept)
	for name, data := range map[string]string{"a/1": "", "a/2": "— ünïcode\n\x00\xff", "a/3": long} {
		mustKeep(t, o, name, data)
		got, err := o.Place.Read(t.Context(), name)
		if err != nil || string(got) != data[:min(len(data), anchor.MaxKept)] {
			t.Errorf("Read %s: %d bytes, %v; want %d", name, len(got), err, len(data))
		}
	}
	for _, name := range []string{"a/4", "b/1", "a"} {
		if _, err := o.Place.Read(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Read %s: %v, want fs.ErrNotExist", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Place.Read(ctx, "a/1"); !errors.Is(err, context.Canceled) {
		t.Errorf("Read with a context that ended: %v, want context.Canceled", err)
	}
}
