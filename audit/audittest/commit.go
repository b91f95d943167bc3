package audittest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

func commitTakesANumberOnce(t *testing.T, s audit.Store) {
	ours := newPages(t, batch(0, 2))
	others := newPages(t, batch(10, 3))
	mustBegin(t, s)
	mustCommit(t, s, ours...)
	for name, p := range map[string]audit.Page{"identical": ours[1], "different": others[1]} {
		if err := s.Commit(t.Context(), p); !errors.Is(err, audit.ErrTaken) {
			t.Errorf("Commit of an %s page: %v, want ErrTaken", name, err)
		}
	}
	if diff := diffPages(ours, pagesOf(t, s, 1, 0)); diff != "" {
		t.Errorf("a refused page left traces (-want +got):\n%s", diff)
	}
	mustHaveSizes(t, s, sizes{0: 2, 1: 3})
}

// commitRace has several writers commit different pages of one number at once.
func commitRace(t *testing.T, s audit.Store) {
	mustBegin(t, s)
	mustCommit(t, s, newPages(t)...)
	pages := make([]audit.Page, 8)
	for i := range pages {
		pages[i] = newPages(t, batch(10*i, i+1))[1]
	}
	errs := make([]error, len(pages))
	var wg sync.WaitGroup
	for i, p := range pages {
		wg.Go(func() { errs[i] = s.Commit(t.Context(), p) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case !errors.Is(err, audit.ErrTaken):
			t.Errorf("Commit of writer %d: %v, want ErrTaken or one nil", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody got the number")
	}
	if diff := diffPages(pages[winner:winner+1], pagesOf(t, s, 1, 1)); diff != "" {
		t.Errorf("the page is not the winner's (-want +got):\n%s", diff)
	}
	mustHaveSizes(t, s, sizes{0: 2, 1: int64(winner) + 2})
}

func unknownLog(t *testing.T, s audit.Store) {
	mustCommit(t, s, newPages(t)...)
	if _, err := s.Last(t.Context(), 9); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Last of an unknown log: %v, want ErrNotFound", err)
	}
	if got := pagesOf(t, s, 9, 0); len(got) > 0 {
		t.Errorf("Pages of an unknown log: %d", len(got))
	}
}

func lastSeesEveryCommit(t *testing.T, s audit.Store) {
	for _, p := range smallPages(t, 13) { // page 10 comes after page 9 even if numbers are stored as text
		mustCommit(t, s, p)
		last, err := s.Last(t.Context(), p.Log)
		if err != nil {
			t.Fatalf("Last: %v", err)
		}
		if diff := diffPages([]audit.Page{p}, []audit.Page{last}); diff != "" {
			t.Fatalf("Last (-want +got):\n%s", diff)
		}
	}
}

func pagesInOrder(t *testing.T, s audit.Store) {
	pages := smallPages(t, 13)
	for i := range pages {
		mustCommit(t, s, pages[len(pages)-1-i])
	}
	mustBegin(t, s)
	for _, from := range []int64{0, 1, 5, 9, 10, 12, 13, 14, 1 << 40} {
		got := pagesOf(t, s, 1, from)
		if diff := diffPages(pages[min(from, 13):], got); diff != "" {
			t.Errorf("Pages from %d (-want +got):\n%s", from, diff)
		}
	}
	if last, err := s.Last(t.Context(), 1); err != nil || last.Number != 12 {
		t.Errorf("Last is page %d, %v; want 12", last.Number, err)
	}
	mustBeWhole(t, s)
}

func pagesWithAGap(t *testing.T, s audit.Store) {
	pages := smallPages(t, 5)
	there := []audit.Page{pages[0], pages[1], pages[4]}
	mustBegin(t, s)
	mustCommit(t, s, there...)
	if diff := diffPages(there, pagesOf(t, s, 1, 0)); diff != "" {
		t.Errorf("Pages (-want +got):\n%s", diff)
	}
	if diff := diffPages(there[2:], pagesOf(t, s, 1, 2)); diff != "" {
		t.Errorf("Pages from inside the gap (-want +got):\n%s", diff)
	}
	r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	if row := audit.PageRow(1, 2); len(r.Findings) == 0 || r.Findings[0].Row != row {
		t.Errorf("findings %v, want the first to be %s", r.Findings, row)
	}
	mustCommit(t, s, pages[2], pages[3]) // the missing pages can still be committed
	mustBeWhole(t, s)
}

// pagesStopEarly leaves iterators in the middle, more of them than a pool has connections, and uses
// the store inside an iteration.
func pagesStopEarly(t *testing.T, s audit.Store) {
	pages := smallPages(t, 6)
	mustCommit(t, s, pages[:5]...)
	for range 40 {
		for p, err := range s.Pages(t.Context(), 1, 1) {
			if err != nil || p.Number != 1 {
				t.Fatalf("the first page is %d, %v; want 1", p.Number, err)
			}
			break
		}
	}
	for p, err := range s.Pages(t.Context(), 1, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Number == 0 {
			mustCommit(t, s, pages[5])
		}
		if _, err := s.Last(t.Context(), 1); err != nil {
			t.Fatalf("Last while reading pages: %v", err)
		}
	}
}

// logsAreApart has logs whose numbers are one another's beginnings, and the last one that there can be.
func logsAreApart(t *testing.T, s audit.Store) {
	logs := []audit.LogID{audit.Spine, 1, 2, 10, 11, audit.MaxLogs}
	want := map[audit.LogID][]audit.Page{}
	for i, log := range logs {
		for number, p := range smallPages(t, 2+i) { // the contract of Commit does not look into a page
			p.Log, p.Number = log, int64(number)
			want[log] = append(want[log], p)
		}
		mustCommit(t, s, want[log]...)
	}
	for _, log := range logs {
		if diff := diffPages(want[log], pagesOf(t, s, log, 0)); diff != "" {
			t.Errorf("pages of log %s (-want +got):\n%s", log, diff)
		}
		last, err := s.Last(t.Context(), log)
		if err != nil || last.Log != log || last.Number != int64(len(want[log]))-1 {
			t.Errorf("Last of log %s is %s/%d, %v", log, last.Log, last.Number, err)
		}
	}
	for _, log := range []audit.LogID{3, 12, audit.MaxLogs - 1} {
		if got := pagesOf(t, s, log, 0); len(got) > 0 {
			t.Errorf("log %s has %d pages, and nobody committed one", log, len(got))
		}
	}
	survey, err := s.Survey(t.Context(), func(e *audit.RowError) { t.Errorf("Survey found %v", e) })
	if diff := cmp.Diff(audit.Survey{Logs: logs}, survey, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("Survey: %v (-want +got):\n%s", err, diff)
	}
}
