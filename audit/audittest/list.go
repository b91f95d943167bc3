package audittest

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	var all []audit.Entry
	for log := range mustBeWhole(t, s) {
		for _, p := range pagesOf(t, s, log, 0) {
			entries, err := p.Entries()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, entries...)
		}
	}
	slices.SortFunc(all, func(a, b audit.Entry) int { return b.Position().Compare(a.Position()) })
	return all
}

// selected answers a query in the simplest way. Entries of the spine are found by their operation only.
func selected(all []audit.Entry, q audit.Query) []audit.Entry {
	var entries []audit.Entry
	for _, e := range all {
		if q.Match(e) && (e.Log != audit.Spine || q.Operation != "") && len(entries) < q.Limit {
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
	if with() {
		q.ModifiedValue = fmt.Sprintf("m-%d", rnd.IntN(5)) // no entry has m-4
	}
	if with() {
		q.Caller = fmt.Sprintf("caller-%d", rnd.IntN(4))
	}
	if with() {
		q.Basis = []string{"CONSENT", "CONTRACT", "PUBLIC_TASK"}[rnd.IntN(3)]
	}
	if with() {
		q.Operation = some().Operation
	}
	if with() {
		q.Outcome = some().Outcome
	}
	if with() {
		q.Purpose = some().Purpose
	}
	if with() {
		q.Reference = some().Reference
	}
	if rnd.Float64() < density/5 { // few entries match it
		q.RequestID = some().RequestID
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
		{ModifiedValue: "m-1"}, {Caller: "caller-1"}, {Basis: "CONSENT"}, {Operation: audit.Delete}, {Operation: audit.Opened}, {Operation: audit.Checkpoint}, {Outcome: audit.Denied}, {Before: &before},
		{Purpose: purposes[0]}, {Purpose: purposes[1]}, {Purpose: purposes[2]}, {Purpose: purposes[3]}, {Purpose: purposes[4]}, {Purpose: "suppor"},
		{Reference: "support"}, {Reference: `T\`}, {Reference: `T\\`}, {RequestID: first.RequestID}, {RequestID: "r-"},
		{HideReviews: audit.Principal{Caller: "caller-1", Authentication: "token"}}, {HideReviews: audit.Principal{Caller: "caller-1", Authentication: "token"}, Caller: "caller-1"},
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
		{}, {Caller: "caller-1"}, {ModifiedValue: "m-2"}, {Outcome: audit.Granted, Operation: audit.Read}, {Basis: "CONTRACT", Caller: "caller-0"},
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
		for _, q := range []audit.Query{
			{Limit: 5, ModifiedValue: e.ModifiedValue}, {Limit: 5, Caller: e.Caller},
			{Limit: 5, Caller: e.Caller, ModifiedValue: e.ModifiedValue, Operation: e.Operation, Outcome: e.Outcome},
			{Limit: 5, Caller: e.Caller, From: r.Time},
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
