package audit_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// checkpointsOf returns the checkpoint of every page of the logs.
func checkpointsOf(m *audit.Mem, logs ...string) []audit.KeptCheckpoint {
	var kept []audit.KeptCheckpoint
	for _, log := range logs {
		for _, p := range m.RawPages(log) {
			kept = append(kept, audit.KeptCheckpoint{Name: fmt.Sprintf("%s/%d", log, p.Size()), Note: p.Checkpoint})
		}
	}
	return kept
}

// verifyKept verifies with the reviewer's own key and kept checkpoints.
func verifyKept(t *testing.T, s audit.Store, kept ...audit.KeptCheckpoint) audit.Report {
	t.Helper()
	key := newKey(t, 1).Verifier()
	r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: &key, Kept: kept})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return r
}

func TestKeptCheckpointsOfWhatStands(t *testing.T) {
	m := newFilled(t, 2)
	kept := checkpointsOf(m, "piinguin-2", "piinguin-1")
	for i := range kept {
		kept[i].Note = append(kept[i].Note, "— witness.example AAAAAAAA\n"...) // of others: passed over
	}
	r := verifyKept(t, m, kept...)
	if len(r.Findings) > 0 || r.Kept != len(kept) {
		t.Errorf("findings %v, %d of %d checkpoints found", r.Findings, r.Kept, len(kept))
	}
}

// TestKeptCheckpointsTellACutTail cuts pages off the end, and puts others in their
// place that the ledger's own key signs.
func TestKeptCheckpointsTellACutTail(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages("piinguin-1")
	kept := checkpointsOf(m, "piinguin-1")
	for cut := 1; cut < len(pages); cut++ {
		m.SetRawPages("piinguin-1", pages[:len(pages)-cut])
		size := pages[len(pages)-cut-1].Size()
		want := []string{audit.EntryRow("piinguin-1", size)}
		if diff := cmp.Diff(want, rows(verifyKept(t, m, kept...))); diff != "" {
			t.Errorf("%d pages cut: findings (-want +got):\n%s", cut, diff)
		}
		last := kept[len(kept)-1:]
		if diff := cmp.Diff(want, rows(verifyKept(t, m, last...))); diff != "" {
			t.Errorf("%d pages cut, the last checkpoint kept: findings (-want +got):\n%s", cut, diff)
		}
		fork := newLedger(t, m, 1)
		for n := range 5 {
			mustAppend(t, fork, newEntry(1000+n), newEntry(2000+n), newEntry(3000+n))
		}
		mustClose(t, fork)
		next := kept[len(kept)-cut] // the first that the fork is not of
		r := verifyKept(t, m, kept...)
		want = []string{audit.EntryRow("piinguin-1", pages[len(pages)-cut].Size()-1)}
		if diff := cmp.Diff(want, rows(r)); diff != "" || !strings.Contains(r.Findings[0].Problem, next.Name) {
			t.Errorf("%d pages written anew: findings (-want +got):\n%s%v", cut, diff, r.Findings)
		}
	}
	m.SetRawPages("piinguin-1", nil)
	m.SetRawLogs()
	if diff := cmp.Diff([]string{audit.EntryRow("piinguin-1", 0)}, rows(verifyKept(t, m, kept...))); diff != "" {
		t.Errorf("the log is gone with its registration: findings (-want +got):\n%s", diff)
	}
}

func TestKeptCheckpointsThatAreNone(t *testing.T) {
	m := newFilled(t, 1)
	good := checkpointsOf(m, "piinguin-1")[0].Note
	key := newKey(t, 1).Verifier()
	for name, text := range map[string]string{
		"empty": "", "canary": canary, "no signature": "piinguin-1\n1\nAAAA\n", "cut": string(good[:len(good)-20]),
		"no size": strings.Replace(string(good), "\n1\n", "\n\n", 1),
	} {
		_, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &key, Kept: []audit.KeptCheckpoint{{Name: name, Note: []byte(text)}}})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: Verify: %v, want an error that names it", name, err)
		}
		if name != "canary" {
			mustNotQuote(t, err)
		}
	}
	other := newKey(t, 2).Verifier()
	r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &other, Kept: []audit.KeptCheckpoint{{Name: "mine", Note: good}}})
	if err != nil || !slices.Contains(rows(r), "kept checkpoint mine") {
		t.Errorf("a kept checkpoint of another key: %v, %v; want a finding", rows(r), err)
	}
}

// counted counts the pages that are read.
type counted struct {
	audit.Store
	read int
}

func (s *counted) Pages(ctx context.Context, log string, from int64) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		for p, err := range s.Store.Pages(ctx, log, from) {
			s.read++
			if !yield(p, err) {
				return
			}
		}
	}
}

func TestVerifyFromATrustedCheckpoint(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	for n := range 100 {
		mustAppend(t, l, newEntry(2*n), newEntry(2*n+1))
	}
	mustClose(t, l)
	pages := m.RawPages("piinguin-1")
	key := newKey(t, 1).Verifier()
	for _, at := range []int{0, 1, 57, 98, 99, 100} {
		s := &counted{Store: m}
		from := []audit.KeptCheckpoint{{Name: "trusted", Note: pages[at].Checkpoint}, {Name: "older", Note: pages[at/2].Checkpoint}}
		r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: &key, From: from})
		if err != nil || len(r.Findings) > 0 {
			t.Fatalf("from page %d: %v, %v", at, r.Findings, err)
		}
		if got := r.Logs[0]; got.From != pages[at].Size() || got.Size != 201 || !got.Whole {
			t.Errorf("from page %d: %+v", at, got)
		}
		if limit := len(pages) - at + 10; s.read > limit {
			t.Errorf("from page %d: %d pages read, want at most %d", at, s.read, limit)
		}
	}
	from := []audit.KeptCheckpoint{{Name: "trusted", Note: pages[50].Checkpoint}}
	verify := func() []string {
		r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &key, From: from, Kept: from})
		if err != nil {
			t.Fatal(err)
		}
		return rows(r)
	}
	m.SetRawPages("piinguin-1", pages[:50])
	if diff := cmp.Diff([]string{audit.EntryRow("piinguin-1", 99)}, verify()); diff != "" {
		t.Errorf("cut before the trusted checkpoint (-want +got):\n%s", diff)
	}
	fork := newLedger(t, m, 1)
	for n := range 60 {
		mustAppend(t, fork, newEntry(1000+2*n), newEntry(1001+2*n))
	}
	mustClose(t, fork)
	if diff := cmp.Diff([]string{audit.PageRow("piinguin-1", 50)}, verify()); diff != "" {
		t.Errorf("written anew (-want +got):\n%s", diff)
	}
	m.SetRawPages("piinguin-1", append(slices.Clone(pages[:70]), pages[71:]...))
	if diff := cmp.Diff([]string{audit.PageRow("piinguin-1", 70)}, verify()); diff != "" {
		t.Errorf("a later page is gone (-want +got):\n%s", diff)
	}
}

func TestVerifyProgress(t *testing.T) {
	m := newFilled(t, 2)
	var done, total int64
	_, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Progress: func(d, all int64) {
		if d <= done || d > all {
			t.Errorf("progress from %d to %d of %d", done, d, all)
		}
		done, total = d, all
	}})
	if err != nil || done != 18 || total != 18 {
		t.Errorf("progress ended at %d of %d, %v; want 18", done, total, err)
	}
}

// months returns a store with logs of October, November and December of one series. The first of
// them is pruned.
func months(t *testing.T) *audit.Mem {
	t.Helper()
	m := audit.NewMem()
	now := time.Date(2026, time.October, 3, 0, 0, 0, 0, time.UTC)
	for range 3 {
		l := openAt(t, m, &now)
		mustAppend(t, l, newEntry(1))
		mustAppend(t, l, newEntry(2), newEntry(3))
		mustClose(t, l)
		now = now.AddDate(0, 1, 0)
	}
	now = now.AddDate(0, -1, 0)
	l := openAt(t, m, &now)
	if _, err := l.Prune(t.Context(), m, now.AddDate(0, -1, -5), audit.Entry{Caller: "operator", RequestID: "r"}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	if r := mustVerify(t, m, nil); len(r.Findings) > 0 || r.Logs[0].Pruned != 3 || !r.Logs[1].Closed || r.Logs[2].Closed {
		t.Fatalf("report %+v", r)
	}
	return m
}

// TestChainTampered changes what binds the logs of a series to one another.
func TestChainTampered(t *testing.T) {
	const first, second, third = "piinguin-1", "piinguin-1-2026-11", "piinguin-1-2026-12"
	for name, c := range map[string]struct {
		tamper func(m *audit.Mem)
		want   []string
	}{
		"a middle log is gone": {
			func(m *audit.Mem) { m.SetRawPages(second, nil); m.SetRawLogs(first, third) },
			[]string{audit.PageRow(second, 0), audit.PageRow(second, 0)},
		},
		"the last log is gone": {
			func(m *audit.Mem) { m.SetRawPages(third, nil); m.SetRawLogs(first, second) },
			[]string{audit.PageRow(third, 0), audit.PageRow(first, 0)},
		},
		"the first log is gone": {
			func(m *audit.Mem) { m.SetRawPages(first, nil); m.SetRawLogs(second, third) },
			[]string{audit.PageRow(first, 0)},
		},
		"a CLOSE is gone": {
			func(m *audit.Mem) { p := m.RawPages(second); m.SetRawPages(second, p[:len(p)-1]) },
			[]string{audit.EntryRow(third, 0)},
		},
		"the PRUNE is gone": {
			func(m *audit.Mem) { p := m.RawPages(third); m.SetRawPages(third, p[:len(p)-1]) },
			[]string{audit.PageRow(first, 0)},
		},
		"lines of a log that no PRUNE names are gone": {
			func(m *audit.Mem) {
				p := slices.Clone(m.RawPages(second))
				p[1], _ = p[1].Prune()
				m.SetRawPages(second, p)
			},
			[]string{audit.PageRow(second, 1)},
		},
		"a leaf of a pruned page": {
			func(m *audit.Mem) {
				p := slices.Clone(m.RawPages(first))
				p[1].Leaves = slices.Clone(p[1].Leaves)
				p[1].Leaves[0][3] ^= 1
				m.SetRawPages(first, p)
			},
			[]string{audit.PageRow(first, 1)},
		},
		"a line of a pruned page comes back changed": {
			func(m *audit.Mem) {
				p := slices.Clone(m.RawPages(first))
				p[1].Lines = [][]byte{m.RawPages(second)[1].Lines[0]}
				m.SetRawPages(first, p)
			},
			[]string{audit.EntryRow(first, 1)},
		},
		"the OPEN of a pruned log is gone": {
			func(m *audit.Mem) {
				p := slices.Clone(m.RawPages(first))
				p[0].Lines, p[0].Pruned = [][]byte{nil}, true
				m.SetRawPages(first, p)
			},
			[]string{audit.EntryRow(first, 0)},
		},
		"a pruned page is said to be whole": {
			func(m *audit.Mem) {
				p := slices.Clone(m.RawPages(first))
				p[1].Pruned = false
				m.SetRawPages(first, p)
			},
			[]string{audit.EntryRow(first, 1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := months(t)
			c.tamper(m)
			if diff := cmp.Diff(c.want, rows(mustVerify(t, m, nil))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForkedSeries has a server write a second log after the same closed one, as if it
// had not seen the first.
func TestForkedSeries(t *testing.T) {
	m := months(t)
	pages := m.RawPages("piinguin-1-2026-11")
	fork := audit.NewMem()
	fork.SetRawPages("piinguin-1", m.RawPages("piinguin-1"))
	fork.SetRawPages("piinguin-1-2026-11", pages[:len(pages)-1])
	fork.SetRawLogs("piinguin-1", "piinguin-1-2026-11")
	fork.SetRawKey(newKey(t, 1).Verifier().Text(audit.KeyName))
	later := func() time.Time { return time.Date(2027, time.March, 1, 0, 0, 0, 0, time.UTC) }
	l, err := audit.Open(t.Context(), audit.Config{Store: fork, Key: newKey(t, 1), Now: later})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	m.SetRawPages("piinguin-1-2027-03", fork.RawPages("piinguin-1-2027-03"))
	m.SetRawLogs("piinguin-1", "piinguin-1-2026-11", "piinguin-1-2026-12", "piinguin-1-2027-03")
	if diff := cmp.Diff([]string{audit.EntryRow("piinguin-1-2027-03", 0)}, rows(mustVerify(t, m, nil))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestEntryAfterClose has the key's holder go on in a closed log.
func TestEntryAfterClose(t *testing.T) {
	m := months(t)
	pages := m.RawPages("piinguin-1-2026-11")
	size := pages[len(pages)-1].Size()
	forged := audit.ForgePage(newKey(t, 1), pages, newEntry(9))
	m.SetRawPages("piinguin-1-2026-11", append(slices.Clone(pages), forged))
	if forged.First != size {
		t.Fatalf("the forged page begins at %d, want %d", forged.First, size)
	}
	if diff := cmp.Diff([]string{audit.PageRow("piinguin-1-2026-11", forged.Number)}, rows(mustVerify(t, m, nil))[:1]); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
