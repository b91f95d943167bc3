package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// alike returns two subjects that have one name in the index.
func alike(t testing.TB) [2]string {
	t.Helper()
	seen := map[uint32]string{}
	for i := range 1_000_000 {
		s := fmt.Sprintf("s-%d", i)
		if other, there := seen[audit.TermOf(s)]; there {
			return [2]string{other, s}
		}
		seen[audit.TermOf(s)] = s
	}
	t.Fatal("no two subjects have one name")
	return [2]string{}
}

// indexModel is a ledger whose questions are held to brute force.
type indexModel struct {
	store    *audit.Mem
	faulty   audit.Store
	logs     map[audit.LogID]*modelLog
	mu       sync.Mutex // of the next three: the ledger derives by itself
	failAt   int        // PutBlobs and PruneBlobs from now on; 0 for none
	fate     audittest.Fate
	lags     bool // nothing can be put
	key      audit.Key
	now      time.Time
	ledger   *audit.Ledger
	subjects []string
	n        int
}

func (m *indexModel) open(t *rapid.T) {
	l, err := audit.Open(context.Background(), audit.Config{
		Store: m.faulty, Key: m.key, Name: ledgerName, Logs: 3, Period: 10_000 * time.Hour, AppendTimeout: time.Minute,
		Now: func() time.Time { return m.now },
	})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	m.ledger = l
}

func (m *indexModel) close(t *rapid.T) {
	if err := m.ledger.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func newIndexModel(t *rapid.T, key audit.Key, subjects []string) *indexModel {
	m := &indexModel{store: audit.NewMem(), logs: map[audit.LogID]*modelLog{}, key: key, now: time.Date(2026, time.February, 27, 20, 0, 0, 0, time.UTC), subjects: subjects}
	m.faulty = audittest.NewFaulty(m.store, func(op string, _ int) audittest.Fault {
		m.mu.Lock()
		defer m.mu.Unlock()
		if op == audittest.PutBlobs && m.lags {
			return audittest.Fault{Err: errEngine}
		}
		if op != audittest.PutBlobs && op != audittest.Prune && op != audittest.PruneBlobs || m.failAt == 0 {
			return audittest.Fault{}
		}
		if m.failAt--; m.failAt > 0 {
			return audittest.Fault{}
		}
		m.failAt = 1 // and every later one
		return audittest.Fault{Err: errEngine, Fate: m.fate}
	})
	m.open(t)
	return m
}

// entry draws an entry: some callers, subjects and references are in most of them.
func (m *indexModel) entry(t *rapid.T) audit.Entry {
	m.n++
	e := audit.Entry{
		Operation: rapid.SampledFrom([]audit.Operation{audit.Read, audit.Read, audit.Read, audit.Review, audit.Delete}).Draw(t, "operation"),
		Outcome:   rapid.SampledFrom([]audit.Outcome{audit.Granted, audit.Granted, audit.Denied}).Draw(t, "outcome"),
		Caller:    rapid.SampledFrom([]string{"hot", "hot", "hot", "desk", "rare-1", "rare-2"}).Draw(t, "caller"), Authentication: "token",
		Basis:         rapid.SampledFrom([]string{"", "CONSENT", "CONTRACT"}).Draw(t, "basis"),
		Purpose:       rapid.SampledFrom([]string{"", "support", "a long purpose that makes a summary long", "x"}).Draw(t, "purpose"),
		ModifiedValue: rapid.SampledFrom(m.subjects).Draw(t, "subject"), RequestID: fmt.Sprintf("r-%d", m.n),
	}
	if rapid.Bool().Draw(t, "with reference") {
		e.Reference = fmt.Sprintf("T-%d", rapid.IntRange(0, 200).Draw(t, "reference"))
	}
	return e
}

func (m *indexModel) append(t *rapid.T) {
	entries := make([]audit.Entry, rapid.SampledFrom([]int{1, 1, 2, 5, 30, 70}).Draw(t, "entries"))
	for i := range entries {
		entries[i] = m.entry(t)
	}
	for _, r := range m.ledger.AppendAll(context.Background(), entries) {
		if r.Err != nil {
			t.Fatalf("append: %v", r.Err)
		}
	}
}

// fail makes what is put from now on fail, and calls f meanwhile.
func (m *indexModel) fail(t *rapid.T, f func() error) {
	if rapid.Bool().Draw(t, "fails") {
		m.setFault(rapid.IntRange(1, 30).Draw(t, "fails at"), audittest.Fate(rapid.IntRange(0, 1).Draw(t, "fate")))
	}
	err := f()
	if err != nil && !errors.Is(err, errEngine) {
		t.Fatalf("without a fault: %v", err)
	}
	m.setFault(0, 0)
}

func (m *indexModel) setFault(at int, fate audittest.Fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failAt, m.fate = at, fate
}

func (m *indexModel) all(t *rapid.T) (all []audit.Entry) {
	logs, err := audit.Logs(context.Background(), m.store)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		for _, p := range m.store.RawPages(log) {
			entries, err := p.Entries()
			if err != nil {
				t.Fatal(err)
			}
			if p.Stub {
				all = slices.DeleteFunc(all, func(e audit.Entry) bool { return e.Log == log })
			}
			all = append(all, entries...)
		}
	}
	slices.SortFunc(all, func(a, b audit.Entry) int { return b.Position().Compare(a.Position()) })
	return all
}

func (m *indexModel) query(t *rapid.T, all []audit.Entry) audit.Query {
	q := audit.Query{
		Subjects: some(t, "subjects", append(m.subjects, "nobody")), Callers: some(t, "callers", []string{"hot", "desk", "rare-1", "nobody"}),
		Bases: some(t, "bases", []string{"CONSENT", "CONTRACT"}), Outcomes: some(t, "outcomes", []audit.Outcome{audit.Granted, audit.Denied}),
		Operations: some(t, "operations", []audit.Operation{audit.Read, audit.Review, audit.Opened, audit.Checkpoint, audit.Pruned}),
		Purposes:   some(t, "purposes", []string{"support", "x", "none"}), References: some(t, "references", []string{"T-1", "T-2", "T-3", "none"}),
		Logs: some(t, "logs", []audit.LogID{audit.Spine, 1, 2, 3}), Limit: rapid.SampledFrom([]int{1, 5, 1000}).Draw(t, "limit"),
	}
	at := func() audit.Entry { return all[rapid.IntRange(0, len(all)-1).Draw(t, "at")] }
	if rapid.IntRange(0, 2).Draw(t, "from") == 0 {
		q.From = at().Time
	}
	if rapid.IntRange(0, 2).Draw(t, "to") == 0 {
		q.To = at().Time
	}
	if rapid.IntRange(0, 3).Draw(t, "before") == 0 {
		p := at().Position()
		q.Before = &p
	}
	if rapid.IntRange(0, 3).Draw(t, "hides") == 0 {
		q.HideReviews = audit.Principal{Caller: "hot", Authentication: "token"}
	}
	return q
}

// some draws some of the values, most often none.
func some[T any](t *rapid.T, name string, values []T) (drawn []T) {
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(t, name) {
		drawn = append(drawn, rapid.SampledFrom(values).Draw(t, name))
	}
	return drawn
}

// ask holds an Index to brute force.
func (m *indexModel) ask(t *rapid.T, x *audit.Index) {
	all := m.all(t)
	q := m.query(t, all)
	var want []audit.Entry
	for _, e := range all {
		if q.Match(e) && len(want) < q.Limit {
			want = append(want, e)
		}
	}
	got, _, err := x.List(context.Background(), q)
	if err != nil {
		t.Fatalf("List %+v: %v", q, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("List %+v (-want +got):\n%s", q, diff)
	}
}

func (m *indexModel) summarize(t *rapid.T, x *audit.Index) {
	first := time.Date(2026, time.February, 27+rapid.IntRange(0, 4).Draw(t, "first"), 0, 0, 0, 0, time.UTC)
	q := audit.SummaryQuery{From: first, To: first.AddDate(0, 0, rapid.IntRange(1, 40).Draw(t, "days"))}
	for _, d := range audit.Dimensions() {
		if rapid.Bool().Draw(t, string(d)) {
			q.By = append(q.By, d)
		}
	}
	if len(q.By) == 0 {
		q.By = []audit.Dimension{audit.ByDay}
	}
	counts := map[audit.SummaryRow]int64{}
	for _, e := range m.all(t) {
		if e.Operation == audit.Checkpoint || e.Time.Before(q.From) || !e.Time.Before(q.To) {
			continue
		}
		var r audit.SummaryRow
		for _, d := range q.By {
			switch d {
			case audit.ByDay:
				r.Day = e.Time.Truncate(24 * time.Hour)
			case audit.ByCaller:
				r.Caller = e.Caller
			case audit.ByOperation:
				r.Operation = e.Operation
			case audit.ByOutcome:
				r.Outcome = e.Outcome
			case audit.ByBasis:
				r.Basis = e.Basis
			case audit.ByPurpose:
				r.Purpose = e.Purpose
			}
		}
		counts[r]++
	}
	want := []audit.SummaryRow{}
	for r, n := range counts {
		r.Count = n
		want = append(want, r)
	}
	slices.SortFunc(want, audit.SummaryRow.Compare)
	got, err := x.Summarize(context.Background(), q)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Fatalf("Summarize %+v: %v (-want +got):\n%s", q, err, diff)
	}
}

func (m *indexModel) verify(t *rapid.T) {
	key := m.key.Verifier()
	r, err := audit.Verify(context.Background(), m.store, audit.VerifyOptions{Key: &key})
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("Verify: %v, %v", r.Findings, err)
	}
}

// TestIndexModel does random things with a ledger: what derives is stopped at any write or lags, two derive at
// once, and what is pruned is gone. Every tile and proof is what golang.org/x/mod makes of the lines, and every answer is complete, from the ledger's own Index, which lives as
// long as the ledger does, and from a new one.
func TestIndexModel(t *testing.T) {
	key := newKey(t, 1)
	twins := alike(t)
	subjects := []string{twins[0], twins[1], "", "often", "often", "often", "m-1", "m-2", "m-3", "m-4", "m-5"}
	rapid.Check(t, func(t *rapid.T) {
		m := newIndexModel(t, key, subjects)
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append more": m.append, "append many": m.appendMany,
			"wait": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(0, 200_000).Draw(t, "seconds")) * time.Second)
			},
			"reopen": func(t *rapid.T) { m.close(t); m.open(t) },
			"derive": func(t *rapid.T) {
				m.fail(t, func() error { return audit.Reindex(context.Background(), m.faulty, key, nil) })
			},
			"lag": func(t *rapid.T) {
				m.mu.Lock()
				m.lags = !m.lags
				m.mu.Unlock()
			},
			"prune": func(t *rapid.T) {
				m.remember(t)
				before := m.now.Add(-time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour)
				m.fail(t, func() error {
					_, err := m.ledger.Prune(context.Background(), m.faulty, before, audit.Entry{Caller: "operator", RequestID: fmt.Sprintf("p-%d", m.n)})
					return err
				})
			},
			"ask":       func(t *rapid.T) { m.ask(t, m.ledger.Index()) },
			"ask anew":  func(t *rapid.T) { m.ask(t, audit.OpenIndex(m.store)) },
			"summarize": func(t *rapid.T) { m.summarize(t, m.ledger.Index()) },
			"serve":     m.serve,
			"prove":     m.prove,
			"verify":    m.verify,
		})
		m.ask(t, audit.OpenIndex(m.store))
		m.summarize(t, audit.OpenIndex(m.store))
		m.close(t)
		m.verify(t)
		m.serve(t)
		m.prove(t)
	})
}
