package audit_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

func TestVerifyReport(t *testing.T) {
	m := newFilled(t, 2)
	given := newKey(t, 1).Verifier()
	for _, key := range []*audit.VerifierKey{nil, &given} {
		got := mustVerify(t, m, key)
		want := audit.Report{Name: ledgerName, Key: given.Text(ledgerName), Keys: 1, KeyFromStore: key == nil, Checkpoints: 3}
		for log, size := range map[audit.LogID][2]int64{audit.Spine: {4, 4}, 1: {5, 9}, 2: {5, 9}} {
			last, err := m.Last(t.Context(), log)
			if err != nil {
				t.Fatal(err)
			}
			want.Logs = append(want.Logs, audit.LogReport{
				Log: log, Pages: size[0], Size: size[1], Root: last.Root, Checkpoint: string(last.Checkpoint), Whole: true,
			})
		}
		slices.SortFunc(want.Logs, func(a, b audit.LogReport) int { return int(a.Log - b.Log) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	}
}

// TestVerifyReportsWhatIsWhole holds that a log with a finding is reported up to
// it, and the others all the same.
func TestVerifyReportsWhatIsWhole(t *testing.T) {
	m := newFilled(t, 2)
	pages := m.RawPages(1)
	pages[3] = clonePage(pages[3])
	pages[3].Root[0] ^= 1
	m.SetRawPages(1, pages)
	r := mustVerify(t, m, nil)
	if diff := cmp.Diff([]string{audit.PageRow(1, 3)}, rows(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if l := r.Logs[1]; l.Whole || l.Pages != 3 || l.Size != 5 || l.Root != pages[2].Root || l.Checkpoint != string(pages[2].Checkpoint) {
		t.Errorf("the log with the finding: %+v, want three pages of it", l)
	}
	if l := r.Logs[2]; !l.Whole || l.Size != 9 {
		t.Errorf("the other log: %+v, want it whole", l)
	}
}

// TestVerifyKey holds what is found of a key that is not the ledger's, and that a given
// key is used whatever the store says.
func TestVerifyKey(t *testing.T) {
	own, other := newKey(t, 1).Verifier(), newKey(t, 2).Verifier()
	firsts := []string{audit.PageRow(audit.Spine, 0), audit.PageRow(1, 0), audit.PageRow(2, 0)}
	for name, c := range map[string]struct {
		kept  string
		given *audit.VerifierKey
		want  []string
	}{
		"lost":                          {"", nil, []string{audit.KeyRow}},
		"changed":                       {other.Text(ledgerName), nil, []string{audit.KeyRow}},
		"renamed":                       {own.Text("vault.example.com/other"), nil, []string{audit.KeyRow}},
		"no key":                        {canary, nil, []string{audit.KeyRow}},
		"changed, but the own is given": {other.Text(ledgerName), &own, []string{audit.KeyRow}},
		"renamed, but the own is given": {own.Text("vault.example.com/other"), &own, []string{audit.KeyRow}},
		"lost, but the own is given":    {"", &own, []string{audit.KeyRow}},
		"another is given":              {own.Text(ledgerName), &other, firsts},
		"another is given and kept":     {other.Text(ledgerName), &other, append([]string{audit.KeyRow}, firsts...)},
	} {
		m := newFilled(t, 2)
		m.SetRawKey(c.kept)
		r := mustVerify(t, m, c.given)
		if diff := cmp.Diff(c.want, rows(r)); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", name, diff)
		}
		want := own
		if c.given != nil {
			want = *c.given
		}
		if r.Key != want.Text(ledgerName) || r.KeyFromStore != (c.given == nil) {
			t.Errorf("%s: used %s, from the store %t", name, r.Key, r.KeyFromStore)
		}
		for _, f := range r.Findings {
			mustNotQuote(t, f)
		}
	}
}

// TestVerifyWithoutAnyKey has neither a kept key nor a first page that names one.
func TestVerifyWithoutAnyKey(t *testing.T) {
	m := newFilled(t, 1)
	m.SetRawPages(audit.Spine, m.RawPages(audit.Spine)[1:])
	m.SetRawKey("")
	r := mustVerify(t, m, nil)
	if diff := cmp.Diff([]string{audit.KeyRow}, rows(r)); diff != "" || len(r.Logs) > 0 {
		t.Errorf("logs %v, findings (-want +got):\n%s", r.Logs, diff)
	}
	key := newKey(t, 1).Verifier()
	if _, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &key}); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("with a key and no name: %v, want an error that asks for the name", err)
	}
	named, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &key, Name: ledgerName})
	if diff := cmp.Diff([]string{audit.KeyRow, audit.PageRow(audit.Spine, 0)}, rows(named)); err != nil || diff != "" {
		t.Errorf("with a key and a name: %v, findings (-want +got):\n%s", err, diff)
	}
}

// TestVerifyUnlisted has logs that the spine does not list: one that a server opened before it stopped,
// and one whose place in the spine is gone.
func TestVerifyUnlisted(t *testing.T) {
	m, other := newFilled(t, 1), newFilled(t, 2)
	m.SetRawPages(2, other.RawPages(2)[:1])
	mustBeWhole(t, m)
	m.SetRawPages(2, other.RawPages(2))
	if diff := cmp.Diff([]string{audit.PageRow(2, 1)}, rows(mustVerify(t, m, nil))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	m.SetRawPages(2, other.RawPages(2)[1:])
	if diff := cmp.Diff([]string{audit.PageRow(2, 0)}, rows(mustVerify(t, m, nil))); diff != "" {
		t.Errorf("findings without the first page (-want +got):\n%s", diff)
	}
}

// TestVerifyOfNothing holds that what is not there is not whole: the reviewer may have named the wrong
// store.
func TestVerifyOfNothing(t *testing.T) {
	given := newKey(t, 1).Verifier()
	for _, key := range []*audit.VerifierKey{nil, &given} {
		if _, err := audit.Verify(t.Context(), audit.NewMem(), audit.VerifyOptions{Key: key}); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Verify of an empty store: %v, want ErrNotFound", err)
		}
	}
}

// TestVerifyProgress holds that progress never goes back and ends at the number of entries.
func TestVerifyProgress(t *testing.T) {
	m := newFilled(t, 2)
	var done, total int64
	_, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Progress: func(d, all int64) {
		if d <= done || d > all {
			t.Errorf("progress from %d to %d of %d", done, d, all)
		}
		done, total = d, all
	}})
	if err != nil || done != 22 || total != 22 {
		t.Errorf("progress ended at %d of %d, %v; want 22", done, total, err)
	}
}
