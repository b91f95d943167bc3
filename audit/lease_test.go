package audit_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// leaser is a server's way to the leases, which can be cut.
type leaser struct {
	*audit.Mem
	cut atomic.Bool
}

func (s *leaser) Lease(ctx context.Context, log audit.LogID, holder string, now, until time.Time) (bool, error) {
	if s.cut.Load() {
		return false, errors.New("no answer")
	}
	return s.Mem.Lease(ctx, log, holder, now, until)
}

// openLeased opens a ledger of two logs that are leased.
func openLeased(t *testing.T, m *audit.Mem) (*audit.Ledger, *leaser) {
	t.Helper()
	s := &leaser{Mem: m}
	c := config(t, m)
	c.Logs, c.Leases = 2, s
	return open(t, c), s
}

// logsOf appends some entries and returns the logs that they went to.
func logsOf(t *testing.T, l *audit.Ledger) []audit.LogID {
	t.Helper()
	var logs []audit.LogID
	for n := range 8 {
		if r := mustAppend(t, l, newEntry(n))[0]; !slices.Contains(logs, r.Log) {
			logs = append(logs, r.Log)
		}
	}
	slices.Sort(logs)
	return logs
}

func mustWrite(t *testing.T, l *audit.Ledger, want ...audit.LogID) {
	t.Helper()
	if diff := cmp.Diff(want, logsOf(t, l)); diff != "" {
		t.Errorf("logs (-want +got):\n%s", diff)
	}
}

// TestLeases has servers come, go, and lose their leases without knowing.
func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		a, leasesOfA := openLeased(t, m)
		b, _ := openLeased(t, m)
		mustWrite(t, a, 1, 2)
		mustWrite(t, b, 3, 4)
		time.Sleep(time.Minute) // they renew
		c, _ := openLeased(t, m)
		mustWrite(t, c, 5, 6)

		mustClose(t, b) // gives its leases back
		d, _ := openLeased(t, m)
		mustWrite(t, d, 3, 4)

		leasesOfA.cut.Store(true)
		time.Sleep(time.Minute)
		mustWrite(t, a, 1, 2) // nobody told it otherwise
		e, _ := openLeased(t, m)
		mustWrite(t, e, 1, 2)
		mustWrite(t, a, 1, 2) // both write them, and neither harms the other
		mustWrite(t, e, 1, 2)
		leasesOfA.cut.Store(false)
		time.Sleep(time.Minute)
		mustWrite(t, a, 7, 8)
		mustWrite(t, e, 1, 2)
		for _, l := range []*audit.Ledger{a, c, d, e} {
			mustClose(t, l)
		}
		mustBeWhole(t, m)
	})
}

// TestMoreServersThanLogs has more servers than there are logs to lease.
func TestMoreServersThanLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		var all []*audit.Ledger
		for range audit.MaxLogs/2 + 1 {
			l, _ := openLeased(t, m)
			all = append(all, l)
		}
		last := all[len(all)-1]
		mustWrite(t, last, 1, 2)
		mustWrite(t, all[0], 1, 2)
		mustClose(t, all[3])
		time.Sleep(time.Minute)
		mustWrite(t, last, 7, 8)
		for _, l := range all {
			mustClose(t, l)
		}
		mustBeWhole(t, m)
	})
}

// TestMoveUnderLoad moves a server from log to log while it is written to.
func TestMoveUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		l, _ := openLeased(t, m)
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for n := range 200 {
				for k := range 4 {
					if _, err := l.Append(t.Context(), newEntry(4*n+k)); err != nil {
						t.Errorf("append: %v", err)
					}
				}
				time.Sleep(500 * time.Millisecond)
			}
		}()
		for i := range 8 { // others take what it holds
			log := []audit.LogID{1, 2, 3, 4}[i%4]
			now := time.Now().Add(time.Hour) // by a clock that is wrong
			if held, err := m.Lease(t.Context(), log, "other", now, now.Add(time.Duration(i)*time.Second)); err != nil || !held {
				t.Errorf("Lease: %t, %v", held, err)
			}
			time.Sleep(10 * time.Second)
		}
		<-stop
		mustClose(t, l)
		mustBeWhole(t, m)
		entries, _, err := audit.OpenIndex(m).List(t.Context(), audit.Query{Operations: []audit.Operation{audit.Read}, Limit: 10_000})
		if err != nil || len(entries) != 800 {
			t.Errorf("%d entries, %v; want 800", len(entries), err)
		}
	})
}
