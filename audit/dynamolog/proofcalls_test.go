package dynamolog_test

import (
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// TestCallsOfAProof: what a proof or a tile costs does not grow with the log, but for the look-ups of pages. The
// log has two full tiles of the second level but a few entries, so that as little as can be is kept.
func TestCallsOfAProof(t *testing.T) {
	x := newTable(t)
	l := newLedger(t, x.Store)
	const entries = 73_000
	for n := 0; n < entries; n += 128 {
		mustAppend(t, l, n, 128)
	}
	mustDerive(t, x.Store, entries/1024)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	s := dynamolog.New(dynamotest.FaultyClient(t, func(string, int) dynamotest.Fault {
		calls.Add(1)
		return dynamotest.Fault{}
	}), x.name)
	last, err := s.Last(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	size := last.Size()
	for _, c := range []struct {
		name string
		most int64
		ask  func() error
	}{
		{"proof of a recent entry", 20, func() error { _, err := audit.ProveEntry(t.Context(), s, 1, size-3); return err }},
		{"proof of an old entry", 28, func() error { _, err := audit.ProveEntry(t.Context(), s, 1, 40_000); return err }},
		{"tile of lines", 8, func() error {
			_, err := audit.TileData(t.Context(), s, 1, size, tlog.Tile{H: 8, N: 100, W: 256})
			return err
		}},
		{"tile of roots", 12, func() error {
			_, err := audit.TileData(t.Context(), s, 1, size, tlog.Tile{H: 8, L: 1, N: 1, W: int(size/256 - 256)})
			return err
		}},
	} {
		calls.Store(0)
		if err := c.ask(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if t.Logf("%s: %d calls", c.name, calls.Load()); calls.Load() > c.most {
			t.Errorf("%s: %d calls, want at most %d", c.name, calls.Load(), c.most)
		}
	}
}
