package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// newIndexedMem returns a store with one log of so many entries in pages of three, all derived.
func newIndexedMem(t *testing.T, entries int) *audit.Mem {
	t.Helper()
	m := audit.NewMem()
	fillIndexed(t, m, 1, ledgerName, 0, entries)
	return m
}

// fillIndexed appends entries, of which every fifth is about one subject, and derives everything.
func fillIndexed(t *testing.T, m *audit.Mem, key byte, name string, from, entries int) {
	t.Helper()
	c := config(t, m)
	c.Key, c.Name = newKey(t, key), name
	l := open(t, c)
	for n := from; n < from+entries; n += 3 {
		some := []audit.Entry{newEntry(n), newEntry(n + 1), newEntry(n + 2)}
		for i := range some {
			if (n+i)%5 == 0 {
				some[i].ModifiedValue = "sought"
			}
		}
		mustAppend(t, l, some...)
	}
	mustClose(t, l)
	if err := audit.Reindex(t.Context(), m, c.Key, nil); err != nil {
		t.Fatal(err)
	}
}

// answers returns how many entries are about the subject, and how many there are in all.
func answers(t *testing.T, m *audit.Mem) (found []string, counted int64, err error) {
	t.Helper()
	x := audit.OpenIndex(m)
	entries, _, err := x.List(t.Context(), audit.Query{Subjects: []string{"sought"}, Limit: 1000})
	for _, e := range entries {
		found = append(found, e.RequestID)
	}
	one, oneErr := x.Entry(t.Context(), 1, 40)
	found = append(found, one.RequestID)
	err = errors.Join(err, oneErr)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	rows, sumErr := x.Summarize(t.Context(), audit.SummaryQuery{From: today.AddDate(0, 0, -1), To: today.AddDate(0, 0, 2), By: []audit.Dimension{audit.ByBasis}})
	for _, r := range rows {
		counted += r.Count
	}
	return found, counted, errors.Join(err, sumErr)
}

// mustAnswerOrFail: every answer is as it was, or fails with a row.
func mustAnswerOrFail(t *testing.T, what string, m *audit.Mem, want []string, counted int64) {
	t.Helper()
	got, n, err := answers(t, m)
	var row *audit.RowError
	if err != nil {
		if !errors.As(err, &row) {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || n != counted {
		t.Errorf("%s: %d entries counted, want %d (-want +got):\n%s", what, n, counted, diff)
	}
}

// TestQuestionsAboutChangedPages: whatever somebody does to a page, no answer is another one.
func TestQuestionsAboutChangedPages(t *testing.T) {
	m := newIndexedMem(t, 210)
	want, counted, err := answers(t, m)
	if err != nil || len(want) != 43 {
		t.Fatalf("%d entries, %v", len(want), err)
	}
	pages := m.RawPages(1)
	between := func(m *audit.Mem) (found []string, err error) {
		q := audit.Query{Callers: []string{"support-desk"}, From: pages[20].Time, To: pages[50].Time, Limit: 1000}
		entries, _, err := audit.OpenIndex(m).List(t.Context(), q)
		for _, e := range entries {
			found = append(found, e.RequestID)
		}
		return found, err
	}
	inWindow, err := between(m)
	if err != nil || len(inWindow) != 90 {
		t.Fatalf("%d entries in the window, %v", len(inWindow), err)
	}
	for i := range pages {
		other := (i + 5) % len(pages)
		for what, change := range map[string]func(p []audit.Page){
			"lines of another": func(p []audit.Page) { p[i].Lines = p[other].Lines },
			"another, in its place": func(p []audit.Page) {
				number := p[i].Number
				p[i] = p[other]
				p[i].Number = number
			},
			"exchanged": func(p []audit.Page) {
				p[i], p[other] = p[other], p[i]
				p[i].Number, p[other].Number = p[other].Number, p[i].Number
			},
			"an earlier time": func(p []audit.Page) { p[i].Time = p[i].Time.AddDate(-1, 0, 0) },
			"a later time":    func(p []audit.Page) { p[i].Time = p[i].Time.AddDate(1, 0, 0) },
			"a line less":     func(p []audit.Page) { p[i].Lines = p[i].Lines[1:] },
			"a subject changed": func(p []audit.Page) {
				p[i].Lines = slices.Clone(p[i].Lines)
				for k, line := range p[i].Lines {
					p[i].Lines[k] = bytes.ReplaceAll(line, []byte("sought"), []byte("hidden"))
				}
			},
		} {
			changed := slices.Clone(pages)
			change(changed)
			m.SetRawPages(1, changed)
			mustAnswerOrFail(t, fmt.Sprintf("page %d: %s", i, what), m, want, counted)
			got, err := between(m)
			if diff := cmp.Diff(inWindow, got); diff != "" && !errors.As(err, new(*audit.RowError)) {
				t.Errorf("page %d: %s: %v; the window has (-want +got):\n%s", i, what, err, diff)
			}
		}
	}
}

// TestQuestionsAboutAForgedStub: what is gone as if it had been pruned makes no answer shorter.
func TestQuestionsAboutAForgedStub(t *testing.T) {
	m := newIndexedMem(t, 210)
	want, counted, err := answers(t, m)
	if err != nil {
		t.Fatal(err)
	}
	pages := m.RawPages(1)
	for _, i := range []int{3, 20, 40} {
		m.SetRawPages(1, audit.ForgeStub(pages, i))
		if f := mustVerify(t, m, nil).Findings; len(f) == 0 {
			t.Errorf("page %d: Verify finds nothing", i)
		}
		mustAnswerOrFail(t, fmt.Sprintf("stub in the place of page %d", i), m, want, counted)
	}
}

// TestRunsOfLostEntries puts runs of what a rollback lost, and runs that a former key signed, in the place
// of those of what came after.
func TestRunsOfLostEntries(t *testing.T) {
	for name, turn := range map[string]func(m *audit.Mem) (key byte, ledger string){
		"rollback": func(m *audit.Mem) (byte, string) {
			if err := audit.Restart(t.Context(), m, newKey(t, 1), "restored.example.com/pii", nil, time.Now); err != nil {
				t.Fatal(err)
			}
			return 1, "restored.example.com/pii"
		},
		"rotation": func(m *audit.Mem) (byte, string) {
			if err := audit.Rotate(t.Context(), m, newKey(t, 1), newKey(t, 2), time.Now); err != nil {
				t.Fatal(err)
			}
			return 2, ledgerName
		},
	} {
		t.Run(name, func(t *testing.T) {
			lost, m := newIndexedMem(t, 90), newIndexedMem(t, 90)
			fillIndexed(t, lost, 1, ledgerName, 1000, 90)
			key, ledger := turn(m)
			if want, _, err := answers(t, m); err != nil || len(want) != 19 {
				t.Fatalf("before all is derived again: %d entries, %v", len(want), err)
			}
			r := mustVerify(t, m, nil)
			if len(r.Findings) > 0 {
				t.Fatalf("before all is derived again: %v", r.Findings)
			}
			fillIndexed(t, m, key, ledger, 2001, 90)
			want, counted, err := answers(t, m)
			if err != nil || len(want) != 37 {
				t.Fatalf("%d entries, %v", len(want), err)
			}
			for tier := range 3 {
				runs := m.RawBlobs(audit.BlobKind{Log: 1, Kind: audit.RunKind(tier)})
				for _, run := range runs {
					restore := m.CopyRun(lost, 1, tier, run.Number)
					mustAnswerOrFail(t, "run of lost entries", m, want, counted)
					last := run.Number == int64(len(runs))-1 // which counts as not derived yet
					if f := mustVerify(t, m, nil).Findings; len(f) == 0 && !last {
						t.Errorf("run %d of tier %d is of lost entries, and Verify finds nothing", run.Number, tier)
					}
					restore()
				}
			}
			if f := mustVerify(t, m, nil).Findings; len(f) > 0 {
				t.Errorf("Verify: %v", f)
			}
		})
	}
}

// TestVerifyFindsBlobsOfNoRun: numbers so large that they could pass for others.
func TestVerifyFindsBlobsOfNoRun(t *testing.T) {
	m := newIndexedMem(t, 30)
	for _, kind := range []string{"run/0", "run/2", "summary/0", "index/0", "index/1", "tile/0"} {
		for _, number := range []int64{1 << 43, 1<<53 - 1, 1 << 53, 1<<54 + 3, 1<<63 - 1} {
			k := audit.BlobKind{Log: 1, Kind: kind}
			before := m.RawBlobs(k)
			m.SetRawBlobs(k, append(slices.Clone(before), audit.Blob{Log: 1, Kind: kind, Number: number, Data: []byte{1}}))
			want := audit.BlobRow(1, kind, number)
			if f := mustVerify(t, m, nil).Findings; len(f) != 1 || f[0].Row != want {
				t.Errorf("findings %v, want %s", f, want)
			}
			m.SetRawBlobs(k, before)
		}
	}
}

// lateStore hides the summaries until somebody looks for a run, as if a server had put both in between.
type lateStore struct {
	audit.Store
	there bool
}

func (s *lateStore) Blobs(ctx context.Context, log audit.LogID, kind string, from int64) iter.Seq2[audit.Blob, error] {
	s.there = s.there || kind == audit.RunKind(0)
	if kind == "summary/0" && !s.there {
		return func(func(audit.Blob, error) bool) {}
	}
	return s.Store.Blobs(ctx, log, kind, from)
}

func (s *lateStore) BlobsAt(ctx context.Context, log audit.LogID, kind string, numbers []int64) ([]audit.Blob, error) {
	if kind == "summary/0" && !s.there {
		return nil, nil
	}
	return s.Store.BlobsAt(ctx, log, kind, numbers)
}

// TestVerifyBesideAServer: what is derived while Verify looks for it is no finding, unless it is wrong.
func TestVerifyBesideAServer(t *testing.T) {
	m := newIndexedMem(t, 30)
	r, err := audit.Verify(t.Context(), &lateStore{Store: m}, audit.VerifyOptions{})
	if err != nil || len(r.Findings) > 0 {
		t.Errorf("Verify: %v, %v", r.Findings, err)
	}
	k := audit.BlobKind{Log: 1, Kind: "summary/0"}
	blobs := m.RawBlobs(k)
	blobs[0].Data = []byte{1}
	m.SetRawBlobs(k, blobs)
	r, err = audit.Verify(t.Context(), &lateStore{Store: m}, audit.VerifyOptions{})
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Row != audit.BlobRow(1, "summary/0", 0) {
		t.Errorf("Verify of a wrong summary: %v, %v", r.Findings, err)
	}
}
