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

func (m many) list(_ context.Context, q question) ([]audit.Entry, error) {
	from := m.n
	if q.Before != nil {
		from = q.Before.Index
	}
	var all []audit.Entry
	for i := from - 1; i >= 0 && len(all) < q.Limit; i-- {
		e := audit.Entry{Log: "log", Index: i, Time: time.Unix(i, 0)}
		if i == 0 {
			e.Log = "other"
		}
		all = append(all, e)
	}
	return all, nil
}

// A filter that looks at each entry reads a bounded number, says so, and goes on to a whole answer.
func TestListReadsABoundedNumber(t *testing.T) {
	o := listFlags{limit: 10, filter: filterFlags{logs: []string{"other"}}}
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
