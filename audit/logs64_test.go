package audit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// TestListOfAllLogs asks a ledger with as many logs as there can be. A caller that has every entry of one
// log, and a subject that is in each, are found without reading all pages.
func TestListOfAllLogs(t *testing.T) {
	m := audit.NewMem()
	now := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
	c := config(t, m)
	c.Logs, c.Now = audit.MaxLogs, func() time.Time { return now }
	l := open(t, c)
	const rounds = 10
	for n := range rounds * audit.MaxLogs {
		e := newEntry(n)
		e.Caller = fmt.Sprintf("caller-%d", n%audit.MaxLogs)
		if n%audit.MaxLogs < 2 {
			e.ModifiedValue = "everywhere"
		}
		mustAppend(t, l, e)
		now = now.Add(time.Second)
	}
	mustClose(t, l)
	if err := audit.Reindex(t.Context(), m, newKey(t, 1), nil); err != nil {
		t.Fatal(err)
	}
	s := &counted{Store: m}
	x := audit.OpenIndex(s)
	for _, q := range []struct {
		query audit.Query
		want  int
	}{
		{audit.Query{Subjects: []string{"everywhere"}, Limit: 1000}, 2 * rounds},
		{audit.Query{Callers: []string{"caller-3"}, Limit: 1000}, rounds},
		{audit.Query{Callers: []string{"caller-3"}, Limit: 4}, 4},
		{audit.Query{Logs: []audit.LogID{3, 64}, Operations: []audit.Operation{audit.Opened}, Limit: 1000}, 2},
		{audit.Query{Limit: 1000}, rounds*audit.MaxLogs + audit.MaxLogs + 1},
	} {
		s.read.Store(0)
		found, next, err := x.List(t.Context(), q.query)
		if err != nil || next != nil && len(found) < q.query.Limit || len(found) != q.want {
			t.Errorf("%+v: %d entries, %v, %v; want %d", q.query, len(found), next, err, q.want)
		}
		if !slices.IsSortedFunc(found, func(a, b audit.Entry) int { return b.Position().Compare(a.Position()) }) {
			t.Errorf("%+v: not newest first", q.query)
		}
		if read := s.read.Load(); read > 64*16+int64(q.want) {
			t.Errorf("%+v: %d pages were read", q.query, read)
		}
	}
}
