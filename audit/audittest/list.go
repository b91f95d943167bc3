package audittest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// newListed fills the store through a ledger with several logs, whose entries have few different
// times. It returns all entries, newest first.
func newListed(t *testing.T, s audit.Store) []audit.Entry {
	t.Helper()
	l := newLedger(t, s, 3)
	for i := range 40 {
		mustAppend(t, l, batch(10*i, i%5+1)...)
	}
	return everything(t, s)
}

// selected answers a query in the simplest way.
func selected(all []audit.Entry, q audit.Query) []audit.Entry {
	var entries []audit.Entry
	for _, e := range all {
		if q.Match(e) && len(entries) < q.Limit {
			entries = append(entries, e)
		}
	}
	return entries
}

// newQuery returns a query. density is the probability of each of its filters.
func newQuery(rnd *rand.Rand, all []audit.Entry, density float64) audit.Query {
	var q audit.Query
	with := func() bool { return rnd.Float64() < density }
	some := func() audit.Entry { return all[rnd.IntN(len(all))] }
	if with() {
		q.From = some().Time.Add(time.Duration(rnd.IntN(3)-1) * time.Microsecond)
	}
	if with() {
		q.To = some().Time.Add(time.Duration(rnd.IntN(3)-1) * time.Microsecond)
	}
	q.Subjects = values(rnd, density, func() string { return fmt.Sprintf("m-%d", rnd.IntN(5)) }) // no entry has m-4
	q.Callers = values(rnd, density, func() string { return fmt.Sprintf("caller-%d", rnd.IntN(4)) })
	q.Bases = values(rnd, density, func() string { return []string{"CONSENT", "CONTRACT", "PUBLIC_TASK"}[rnd.IntN(3)] })
	q.Operations = values(rnd, density, func() audit.Operation { return some().Operation })
	q.Outcomes = values(rnd, density, func() audit.Outcome { return some().Outcome })
	q.Purposes = values(rnd, density, func() string { return some().Purpose })
	q.References = values(rnd, density, func() string { return some().Reference })
	q.Logs = values(rnd, density/2, func() audit.LogID { return some().Log })
	if rnd.Float64() < density/5 { // few entries match it
		e := some()
		q.RequestIDs, q.From, q.To = []string{e.RequestID, some().RequestID}, e.Time.Add(-time.Hour), e.Time.Add(time.Hour)
	}
	if with() {
		q.HideReviews = audit.Principal{Caller: fmt.Sprintf("caller-%d", rnd.IntN(4)), Authentication: []string{"token", "mtls"}[rnd.IntN(2)]}
	}
	if with() {
		before := some().Position()
		q.Before = &before
	}
	return q
}

// values returns one to three values for a filter, or with the rest of the probability none.
func values[T any](rnd *rand.Rand, probability float64, value func() T) (some []T) {
	if rnd.Float64() < probability {
		for range 1 + rnd.IntN(3) {
			some = append(some, value())
		}
	}
	return some
}

func mustList(t *testing.T, s audit.Store, q audit.Query, all []audit.Entry) {
	t.Helper()
	got, next, err := audit.OpenIndex(s).List(t.Context(), q)
	if err != nil {
		t.Fatalf("List %+v: %v", q, err)
	}
	if diff := cmp.Diff(selected(all, q), got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("List %+v (-want +got):\n%s", q, diff)
	}
	if next == nil && len(got) == q.Limit || next != nil && len(got) < q.Limit {
		t.Fatalf("List %+v: %d entries, and next is %v", q, len(got), next)
	}
}

func list(t *testing.T, s audit.Store) {
	all := newListed(t, s)
	first := all[len(all)/2]
	before := first.Position()
	for _, q := range []audit.Query{
		{}, {From: first.Time}, {To: first.Time}, {From: first.Time, To: first.Time}, {From: first.Time, To: first.Time.Add(time.Microsecond)},
		{From: first.Time.Add(time.Hour)}, {To: first.Time.Add(-time.Hour)}, {From: first.Time.AddDate(-1000, 0, 0), To: first.Time.AddDate(1000, 0, 0)},
		{From: first.Time.In(time.FixedZone("east", 5*3600))}, {From: first.Time.Add(time.Nanosecond)}, {To: first.Time.Add(time.Nanosecond)},
		{Subjects: []string{"m-1"}}, {Callers: []string{"caller-1"}}, {Bases: []string{"CONSENT"}}, {Operations: []audit.Operation{audit.Delete}},
		{Operations: []audit.Operation{audit.Opened}}, {Operations: []audit.Operation{audit.Checkpoint}}, {Operations: []audit.Operation{audit.Checkpoint, audit.Read}},
		{Outcomes: []audit.Outcome{audit.Denied}}, {Before: &before}, {Logs: []audit.LogID{audit.Spine}}, {Logs: []audit.LogID{2, 1}}, {Logs: []audit.LogID{64}},
		{Subjects: []string{"m-1", "m-2", "m-1"}}, {Callers: []string{"caller-1", "nobody", "caller-2"}}, {Bases: []string{"CONTRACT", "CONSENT"}},
		{Operations: []audit.Operation{audit.Delete, audit.Review}}, {Outcomes: []audit.Outcome{audit.Denied, audit.NotFound}},
		{Purposes: purposes[:1]}, {Purposes: purposes[1:2]}, {Purposes: purposes[2:3]}, {Purposes: purposes[3:4]}, {Purposes: purposes[4:]}, {Purposes: purposes}, {Purposes: []string{"suppor"}},
		{References: []string{"support"}}, {References: []string{`T\`}}, {References: []string{`T\\`}},
		{RequestIDs: []string{first.RequestID}, From: first.Time.Add(-time.Hour), To: first.Time.Add(time.Hour)},
		{RequestIDs: []string{"r-"}, From: first.Time.Add(-time.Hour), To: first.Time.Add(time.Hour)},
		{HideReviews: audit.Principal{Caller: "caller-1", Authentication: "token"}},
		{HideReviews: audit.Principal{Caller: "caller-1", Authentication: "token"}, Callers: []string{"caller-1"}},
	} {
		for _, limit := range []int{1, 2, len(all), len(all) + 1} {
			q.Limit = limit
			mustList(t, s, q, all)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same queries each time
	for range 150 {
		q := newQuery(rnd, all, rnd.Float64()/2)
		q.Limit = 1 + rnd.IntN(60)
		mustList(t, s, q, all)
	}
}

// listPaging goes from page to page by Before. The pages together are the whole list, and no entry is
// in two of them, even if entries of several logs have the same time.
func listPaging(t *testing.T, s audit.Store) {
	all := newListed(t, s)
	for _, q := range []audit.Query{
		{}, {Callers: []string{"caller-1"}}, {Subjects: []string{"m-2", "m-3"}},
		{Outcomes: []audit.Outcome{audit.Granted}, Operations: []audit.Operation{audit.Read, audit.Opened}},
		{Bases: []string{"CONTRACT"}, Callers: []string{"caller-0"}},
	} {
		q.Limit = 1 << 20
		want := selected(all, q)
		if len(want) < 4 {
			t.Fatalf("%d entries match, too few to walk over", len(want))
		}
		var got []audit.Entry
		for q.Limit = 3; len(got) <= len(want); {
			page, next, err := audit.OpenIndex(s).List(t.Context(), q)
			if err != nil {
				t.Fatalf("List %+v: %v", q, err)
			}
			got = append(got, page...)
			if next == nil {
				break
			}
			before, err := audit.ParsePosition(next.String())
			if err != nil {
				t.Fatal(err)
			}
			q.Before = &before
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %+v (-want +got):\n%s", q, diff)
		}
	}
}

// listAfterAppend asks right after each append. An answer is complete even if the driver derives its
// index in the background.
func listAfterAppend(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 2)
	for i := range 25 {
		e := newEntry(i)
		e.ModifiedValue, e.Caller = fmt.Sprintf("fresh-%d", i), fmt.Sprintf("fresh-%d", i)
		r := mustAppend(t, l, e)[0]
		subjects, callers := []string{e.ModifiedValue}, []string{e.Caller}
		for _, q := range []audit.Query{
			{Limit: 5, Subjects: subjects}, {Limit: 5, Callers: callers},
			{Limit: 5, Callers: callers, Subjects: subjects, Operations: []audit.Operation{e.Operation}, Outcomes: []audit.Outcome{e.Outcome}},
			{Limit: 5, Callers: callers, From: r.Time},
		} {
			got, _, err := l.Index().List(t.Context(), q)
			if err != nil || len(got) != 1 || got[0].RequestID != e.RequestID {
				t.Fatalf("List %+v: %d entries, %v; want the one just appended", q, len(got), err)
			}
		}
		mustBeAt(t, s, e.RequestID, r)
	}
	mustBeWhole(t, s)
}
