package audit_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// TestDeriveLag: the lag grows while nothing can be put, and is gone when all is derived.
func TestDeriveLag(t *testing.T) {
	m := audit.NewMem()
	var failing atomic.Bool
	failing.Store(true)
	l := open(t, config(t, audittest.NewFaulty(m, func(op string, _ int) audittest.Fault {
		if op == audittest.PutBlobs && failing.Load() {
			return audittest.Fault{Err: errEngine}
		}
		return audittest.Fault{}
	})))
	mustAppend(t, l, newEntry(0), newEntry(1), newEntry(2), newEntry(3), newEntry(4), newEntry(5), newEntry(6), newEntry(7))
	until := func(what string, is func(time.Duration) bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !is(l.DeriveLag()); runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("the lag is %v, want %s", l.DeriveLag(), what)
			}
		}
	}
	until("more than 20 ms", func(d time.Duration) bool { return d > 20*time.Millisecond })
	failing.Store(false)
	until("none", func(d time.Duration) bool { return d == 0 })
	mustClose(t, l)
}
