package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// many is a ledger of n entries, of which the oldest is of another log.
type many struct {
	ledger
	n int64
}

func (m many) list(_ context.Context, q question) ([]audit.Entry, *audit.Position, error) {
	from := m.n
	if q.Before != nil {
		from = q.Before.Index
	}
	var all []audit.Entry
	for i := from - 1; i >= 0 && len(all) < q.Limit; i-- {
		e := audit.Entry{Log: 1, Index: i, Time: time.Unix(i, 0)}
		if i == 0 {
			e.Log = 2
		}
		all = append(all, e)
	}
	last := all[len(all)-1].Position()
	if last.Index == 0 {
		return all, nil, nil
	}
	return all, &last, nil
}

// A filter that looks at each entry reads a bounded number, says so, and goes on to a whole answer.
func TestListReadsABoundedNumber(t *testing.T) {
	o := listFlags{limit: 10, filter: filterFlags{logs: []string{"2"}}}
	m := many{n: 2*scanMost + 7}
	for round := range 3 {
		f, err := o.query()
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.list(t.Context(), m, o.limit)
		if err != nil {
			t.Fatal(err)
		}
		if round == 2 {
			if len(out.entries) != 1 || out.stopped != nil {
				t.Errorf("%d entries, stopped at %v", len(out.entries), out.stopped)
			}
			break
		}
		var says strings.Builder
		out.tell(&says, o.limit)
		if len(out.entries) != 0 || out.stopped == nil || !strings.Contains(says.String(), "older ones may match. Go on with --before "+out.stopped.String()) {
			t.Fatalf("%d entries, says %q", len(out.entries), says.String())
		}
		o.before = out.stopped.String()
	}
	o.before = ""
	f, err := o.query()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := f.list(t.Context(), m, 0); err != nil || len(out.entries) != 1 || out.stopped != nil {
		t.Errorf("--limit 0: %d entries, stopped at %v, %v", len(out.entries), out.stopped, err)
	}
}

// sparse is a ledger that answers each time with no entry but a place to go on, as one does whose pages do
// not match, and at last with one entry.
type sparse struct {
	ledger
	answers int64
}

func (s sparse) list(_ context.Context, q question) ([]audit.Entry, *audit.Position, error) {
	left := s.answers
	if q.Before != nil {
		left = q.Before.Index
	}
	e := audit.Entry{Log: 1, Index: left, Time: time.Unix(left, 0), Caller: "sought"}
	if left == 0 {
		return []audit.Entry{e}, nil, nil
	}
	next := audit.Position{Log: 1, Index: left - 1, Time: time.Unix(left-1, 0)}
	return nil, &next, nil
}

// An answer without entries is not the end while it has a place to go on.
func TestListGoesOnAfterNothing(t *testing.T) {
	for _, limit := range []int{0, 1, 10} {
		o := listFlags{limit: limit, filter: filterFlags{callers: []string{"sought"}}}
		f, err := o.query()
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.list(t.Context(), sparse{answers: 7}, limit)
		if err != nil || len(out.entries) != 1 || out.stopped != nil {
			t.Errorf("limit %d: %d entries, stopped at %v, %v", limit, len(out.entries), out.stopped, err)
		}
	}
}
