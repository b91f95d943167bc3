package audit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// TestLogsFollowTheLoad holds that few callers wait for nobody, that more share pages, and that a log
// is written beside the others only when those have enough to do.
func TestLogsFollowTheLoad(t *testing.T) {
	const commit = 20*time.Millisecond + 500*time.Microsecond // a log is meant to take 20 entries in this time
	for _, c := range []struct {
		name    string
		callers int           // that append at nearly the same time, each once a round
		took    time.Duration // a round, when each log knows how long a commit takes
		want    [][]int       // the pages of a round, by log
	}{
		{"a lone caller has one log, and waits for its own commit", 1, commit, [][]int{{1}, nil, nil}},
		{"few callers wait for nobody", 3, commit, [][]int{{1}, {1}, {1}}},
		{"more share a log", 20, 2 * commit, [][]int{{1, 17}, {1}, {1}}},
		{"a full log has the next one beside it", 34, 2 * commit, [][]int{{1, 20}, {1, 11}, {1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := audit.NewMem()
				s := newHooked(m)
				l := newLedger(t, s, 3)
				s.before(takes(commit))
				round := func(callers int) {
					var waiting []<-chan audit.Result
					for n := range callers {
						waiting = append(waiting, startAppend(t.Context(), l, newEntry(n)))
						synctest.Wait()
					}
					for _, r := range waiting {
						<-r
					}
				}
				for range 30 { // each log learns how long a commit takes
					round(3)
				}
				order := []audit.LogID{2, 3, 1} // each round begins with the next log
				var before [][]int
				for _, log := range order {
					before = append(before, pageSizes(t, m, log))
				}
				begun := time.Now()
				round(c.callers)
				if took := time.Since(begun); took != c.took {
					t.Errorf("the round took %v, want %v", took, c.took)
				}
				var got [][]int
				for i, log := range order {
					got = append(got, pageSizes(t, m, log)[len(before[i]):])
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
