package audit_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// TestLogsFollowTheLoad holds that few callers wait for nobody, that more share pages, and that a log
// is written beside the others only when so many entries come that those before it have enough.
func TestLogsFollowTheLoad(t *testing.T) {
	const commit = 20 * time.Millisecond
	for _, c := range []struct {
		name    string
		callers int           // that append at nearly the same time, each once a round
		took    time.Duration // a round, when the rate is known
		want    [][]int       // the pages of a round, by log
	}{
		{"a lone caller has one log, and waits for its own commit", 1, commit, [][]int{{1}, nil, nil}},
		{"few callers wait for nobody", 2, commit, [][]int{{1}, {1}, nil}},
		{"more share a log", 20, 2 * commit, [][]int{{1, 19}, nil, nil}},
		{"beyond 1,800 entries a second there is a second log", 80, 2 * commit, [][]int{{1, 78}, {1}, nil}},
		{"beyond 3,600 there is a third", 160, 2 * commit, [][]int{{1, 157}, {1}, {1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := audit.NewMem()
				s := newHooked(m)
				l := newLedger(t, s, 3)
				s.before(takes(commit))
				round := func() (pages [][]int) {
					var before []int
					for log := range audit.LogID(3) {
						before = append(before, len(pageSizes(t, m, log+1)))
					}
					appendTogether(t, l, c.callers)
					for log := range audit.LogID(3) {
						pages = append(pages, pageSizes(t, m, log+1)[before[log]:])
					}
					return pages
				}
				for range 98 { // so that the rate is known; each begins with the next log, and the last with log 1
					round()
				}
				begun := time.Now()
				got := round()
				if took := time.Since(begun); took != c.took {
					t.Errorf("the round took %v, want %v", took, c.took)
				}
				if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("sizes of the pages by log (-want +got):\n%s", diff)
				}
				mustClose(t, l)
				mustBeWhole(t, m)
			})
		})
	}
}

// appendTogether has callers append at nearly the same time, and returns their results.
func appendTogether(t *testing.T, l *audit.Ledger, callers int) (results []audit.Result) {
	var waiting []<-chan audit.Result
	for n := range callers {
		waiting = append(waiting, startAppend(t.Context(), l, newEntry(n)))
		synctest.Wait()
	}
	for _, r := range waiting {
		results = append(results, <-r)
	}
	return results
}

// TestNoEntryWaitsBehindAnUnknownOutcome holds that entries go to other logs as long as the outcome of one
// log's commit is not known, also where they would all share that log.
func TestNoEntryWaitsBehindAnUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMem()
		s := newHooked(m)
		l := newLedger(t, s, 3)
		s.before(takes(20 * time.Millisecond))
		for range 98 { // so that the rate is known; the next one begins with log 1
			appendTogether(t, l, 20)
		}
		s.before(func(ctx context.Context, p audit.Page) error {
			if p.Log == 1 {
				return errEngine
			}
			return takes(20*time.Millisecond)(ctx, p)
		})
		lost := 0
		for _, r := range appendTogether(t, l, 20) {
			if r.Err != nil {
				lost++
			} else if r.Durable.Receipt().Log == 1 {
				t.Error("log 1 took an entry, and none of its commits succeeds")
			}
		}
		if lost != 1 {
			t.Errorf("%d entries had no result, want the one whose outcome is not known", lost)
		}
		s.before(takes(0))
		mustClose(t, l)
		mustBeWhole(t, m)
	})
}
