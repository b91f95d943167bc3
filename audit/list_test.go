package audit_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// counted counts the pages that are read.
type counted struct {
	audit.Store
	read atomic.Int64 // several logs are read at once
}

func (s *counted) Pages(ctx context.Context, log audit.LogID, from int64) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		for p, err := range s.Store.Pages(ctx, log, from) {
			s.read.Add(1)
			if !yield(p, err) {
				return
			}
		}
	}
}

func (s *counted) Reviews() audit.Reader { return s }

// TestListIsBounded asks for what stands in few of many pages. Each answer reads a bounded number of
// pages, and the answers together are complete: with times that move, and with a clock that went back,
// so that all pages have one time.
func TestListIsBounded(t *testing.T) {
	for name, step := range map[string]time.Duration{"time moves": time.Second, "one time": 0} {
		t.Run(name, func(t *testing.T) {
			m := audit.NewMem()
			now := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
			c := config(t, m)
			c.Logs, c.Now = 2, func() time.Time { return now }
			l := open(t, c)
			var want []string
			const pages = 5200
			for n := range pages {
				e := newEntry(n)
				if n%1000 == 17 {
					e.Caller = "rare"
					want = append(want, e.RequestID)
				}
				mustAppend(t, l, e)
				now = now.Add(step)
			}
			mustClose(t, l)
			s := &counted{Store: m}
			x := audit.OpenIndex(s)
			q := audit.Query{Callers: []string{"rare"}, Limit: 10}
			var got []string
			for calls := 0; ; calls++ {
				s.read.Store(0)
				found, next, err := x.List(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range found {
					got = append(got, e.RequestID)
				}
				if s.read.Load() > 2200 || calls > 4 {
					t.Fatalf("call %d read %d pages", calls, s.read.Load())
				}
				if next == nil {
					break
				}
				q.Before = next
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			s.read.Store(0)
			if _, err := x.Entry(t.Context(), 1, 2000); err != nil || s.read.Load() > 40 {
				t.Errorf("Entry reads %d pages, %v", s.read.Load(), err)
			}
		})
	}
}

// TestListOfALogWithAGap: less than all is no answer.
func TestListOfALogWithAGap(t *testing.T) {
	for name, cut := range map[string]func(p []audit.Page) []audit.Page{
		"in the middle":    func(p []audit.Page) []audit.Page { return append(p[:2:2], p[3:]...) },
		"below the newest": func(p []audit.Page) []audit.Page { return append(p[:len(p)-2:len(p)-2], p[len(p)-1]) },
		"the first":        func(p []audit.Page) []audit.Page { return p[1:] },
	} {
		m := newFilled(t, 1)
		m.SetRawPages(1, cut(m.RawPages(1)))
		var row *audit.RowError
		if _, _, err := audit.OpenIndex(m).List(t.Context(), audit.Query{Limit: 1000}); !errors.As(err, &row) {
			t.Errorf("%s: List: %v, want a *RowError", name, err)
		}
	}
}
