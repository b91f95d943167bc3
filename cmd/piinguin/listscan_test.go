package main

import (
	"context"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

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
		q, err := o.question()
		if err != nil {
			t.Fatal(err)
		}
		out, err := q.list(t.Context(), sparse{answers: 7}, limit)
		if err != nil || len(out.entries) != 1 || out.stopped != nil {
			t.Errorf("limit %d: %d entries, stopped at %v, %v", limit, len(out.entries), out.stopped, err)
		}
	}
}
