package audittest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// indexed is how many entries a log needs for a run of the second tier, and some behind it.
const indexed = 18_500

// newIndexed fills a log through a ledger, and waits until all of it is derived. One caller has every
// third entry, one subject every fifth, and some are rare.
func newIndexed(t *testing.T, s audit.Store) (*audit.Ledger, []audit.Entry) {
	t.Helper()
	clock := newHandClock(2026, time.October, 1)
	l := newLedgerAt(t, s, clock, 1)
	for n := 0; n < indexed; n += 250 {
		entries := batch(n, 250)
		for i := range entries {
			e := &entries[i]
			e.Caller, e.ModifiedValue, e.Reference = fmt.Sprintf("caller-%d", (n+i)%3), fmt.Sprintf("m-%d", n+i), ""
			if (n+i)%5 == 0 {
				e.ModifiedValue = "often"
			}
			if (n+i)%2000 == 7 {
				e.Reference = "rare"
			}
		}
		mustAppend(t, l, entries...)
		clock.add(time.Hour)
	}
	mustDerive(t, s, 1, (indexed+1)/4096)
	for end := time.Now().Add(patience); len(blobsOf(t, s, 1, "run/0", 15))+len(blobsOf(t, s, 1, "run/1", 0)) < 2; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the index is not derived")
		}
	}
	return l, everything(t, s)
}

// everything returns all entries, newest first.
func everything(t *testing.T, s audit.Store) (all []audit.Entry) {
	t.Helper()
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

// indexQueries find a few of many entries, most of them, or none.
func indexQueries(all []audit.Entry) []audit.Query {
	middle := all[len(all)/2].Position()
	return []audit.Query{
		{References: []string{"rare"}}, {Subjects: []string{"m-18499"}}, {Subjects: []string{"m-3"}}, {Subjects: []string{"nobody", "m-8", "m-16001"}},
		{Subjects: []string{"often"}, Callers: []string{"caller-1"}}, {Callers: []string{"caller-2"}, References: []string{"rare"}},
		{Callers: []string{"caller-0"}}, {Subjects: []string{"nobody"}}, {References: []string{"rare"}, Before: &middle},
		{References: []string{"rare"}, From: middle.Time.AddDate(0, 0, -1), To: middle.Time.AddDate(0, 0, 1)}, {Operations: []audit.Operation{audit.Opened}},
	}
}

// index holds queries and summaries over a log with runs of two tiers to brute force, before and after
// some of it is pruned.
func index(t *testing.T, s audit.Store) {
	l, all := newIndexed(t, s)
	ask := func() {
		t.Helper()
		for _, q := range indexQueries(all) {
			q.Limit = 300
			mustList(t, s, q, all)
		}
		mustSummarize(t, s, all)
	}
	ask()
	for _, days := range []int{1, 2, 3} { // the last of them beyond the runs of the lowest tier
		before := all[len(all)-1].Time.Add(time.Duration(days) * 22 * time.Hour)
		closeLedger(t, l)
		l = newLedgerAt(t, s, newHandClock(2026, time.November, 1), 1)
		if _, err := l.Prune(t.Context(), s, before, pruner); err != nil {
			t.Fatalf("Prune: %v", err)
		}
		all = everything(t, s)
		ask()
		if n := len(blobsOf(t, s, 1, "run/1", 0)); n > 0 {
			t.Errorf("%d runs are left that begin with what was pruned", n)
		}
	}
}

// mustSummarize counts all entries by each dimension.
func mustSummarize(t *testing.T, s audit.Store, all []audit.Entry) {
	t.Helper()
	q := audit.SummaryQuery{From: october.AddDate(0, -1, 0), To: december, By: []audit.Dimension{audit.ByCaller, audit.ByOperation}}
	counts := map[audit.SummaryRow]int64{}
	for _, e := range all {
		if e.Operation != audit.Checkpoint {
			counts[audit.SummaryRow{Caller: e.Caller, Operation: e.Operation}]++
		}
	}
	var want []audit.SummaryRow
	for r, n := range counts {
		r.Count = n
		want = append(want, r)
	}
	slices.SortFunc(want, audit.SummaryRow.Compare)
	got, err := audit.OpenIndex(s).Summarize(t.Context(), q)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("Summarize: %v (-want +got):\n%s", err, diff)
	}
}

// tamperIndex changes, exchanges and removes blobs of the index, one at a time. Verify names the blob,
// and a question that meets it fails. Reindex puts everything right.
func tamperIndex(t *testing.T, s audit.Store) {
	_, all := newIndexed(t, s)
	check := newBlobFinder(t, s)
	for _, kind := range []string{"run/0", "summary/0", "index/0", "run/1", "summary/1", "index/1"} {
		blobs := blobsOf(t, s, 1, kind, 0)
		first := blobs[0]
		if kind == "index/1" { // the bucket that a question meets
			sum := sha256.Sum256([]byte("rrare"))
			first = blobs[sum[0]>>1]
		}
		for name, data := range map[string][]byte{
			"cut": first.Data[:len(first.Data)-1], "empty": {}, "in the middle": flipped(first.Data, len(first.Data)/2),
			"last byte": flipped(first.Data, len(first.Data)-1), "another": blobs[len(blobs)-1].Data,
		} {
			if slices.Equal(data, first.Data) {
				continue // the only one of its kind
			}
			check.mustFindAndFail(t, s, all, Tampering{
				Name: kind + " " + name, Row: audit.BlobRow(1, kind, first.Number),
				Apply: func(t *testing.T) { mustPut(t, s, audit.Blob{Log: 1, Kind: kind, Number: first.Number, Data: data}) },
				Undo:  func(t *testing.T) { mustPut(t, s, first) },
			})
		}
		check.mustFindAndFail(t, s, all, Tampering{
			Name: kind + " missing", Row: audit.BlobRow(1, kind, first.Number),
			Apply: func(t *testing.T) { mustRemove(t, s, first) },
			Undo:  func(t *testing.T) { mustPut(t, s, first) },
		})
	}
	stray := audit.Blob{Log: 1, Kind: "index/1", Number: 1 << 20, Data: []byte{1}}
	mustPut(t, s, stray, audit.Blob{Log: 1, Kind: "index/2", Number: 0, Data: []byte{1}})
	check.mustFind(t, Tampering{Name: "stray", Row: audit.BlobRow(1, "index/1", 1<<20)})
	mustRemove(t, s, blobsOf(t, s, 1, "index/1", 5)[0])
	if err := audit.Reindex(t.Context(), s, newKey(t, 1), nil); err != nil {
		t.Fatalf("Reindex: %v", err)
	}
	mustBeWhole(t, s)
}

func flipped(data []byte, at int) []byte {
	data = slices.Clone(data)
	data[at] ^= 1
	return data
}

func mustRemove(t *testing.T, s audit.Store, b audit.Blob) {
	t.Helper()
	if err := s.PruneBlobs(t.Context(), b.Log, b.Kind, b.Number, b.Number+1); err != nil {
		t.Fatalf("PruneBlobs: %v", err)
	}
}

// mustFindAndFail is mustFind, and holds that no question has another answer than the right one: it fails
// with a *RowError, or did not meet the blob.
func (f finder) mustFindAndFail(t *testing.T, s audit.Store, all []audit.Entry, c Tampering) {
	t.Helper()
	c.Apply(t)
	defer c.Undo(t)
	f.mustFind(t, c)
	failed := 0
	var row *audit.RowError
	x := audit.OpenIndex(s)
	for _, q := range indexQueries(all) {
		q.Limit = 300
		got, _, err := x.List(t.Context(), q)
		switch {
		case errors.As(err, &row):
			failed++
		case err != nil:
			t.Errorf("%s: List: %v", c.Name, err)
		default:
			if diff := cmp.Diff(selected(all, q), got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: List %+v (-want +got):\n%s", c.Name, q, diff)
			}
		}
	}
	_, err := x.Summarize(t.Context(), audit.SummaryQuery{From: october, To: december, By: []audit.Dimension{audit.ByDay}})
	if errors.As(err, &row) {
		failed++
	}
	// The first run of the lowest tier is in the one above, and without that one questions use those below.
	if failed == 0 && (strings.Contains(c.Row, "index/1/") || strings.Contains(c.Row, "summary/1/")) {
		t.Errorf("%s: no question failed", c.Name)
	}
}
