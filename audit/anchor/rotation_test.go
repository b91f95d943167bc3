package anchor_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// TestClosedLogs keeps the last checkpoint of a log that was closed, and does not ask for
// it any more then: after some years nearly all logs are closed.
func TestClosedLogs(t *testing.T) {
	r := newRig(t, 1, 1)
	now := atomic.Pointer[time.Time]{}
	october := time.Date(2026, time.October, 5, 0, 0, 0, 0, time.UTC)
	now.Store(&october)
	store := audit.NewMem()
	l, err := audit.Open(t.Context(), audit.Config{Store: store, Key: r.key, AppendTimeout: 2 * time.Minute, Now: func() time.Time { return *now.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	var mu sync.Mutex
	asked := map[string]int{}
	r.writer, r.ledger = l, &changed{Ledger: l, checkpoint: func(log string, signed []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[log]++
		return signed, tree, nil
	}}
	a := r.anchors(t)
	r.grow(t, 2)
	a.Once(t.Context())
	november := october.AddDate(0, 1, 0)
	now.Store(&november)
	r.grow(t, 1)
	for range 3 {
		a.Once(t.Context())
	}
	r.mustBeKept(t, "piinguin-1", 3)
	r.mustBeKept(t, "piinguin-1", 4) // with its CLOSE
	r.mustBeKept(t, "piinguin-1-2026-11", 2)
	if asked["piinguin-1"] != 2 || asked["piinguin-1-2026-11"] != 3 {
		t.Errorf("asked %v times, want the closed log twice", asked)
	}
	mustEqual(t, "reported", r.reported(), nil)
}
