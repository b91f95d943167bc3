package audit_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func TestVerifyReport(t *testing.T) {
	m := newFilled(t, 2)
	given := newKey(t, 1).Verifier()
	for _, key := range []*audit.VerifierKey{nil, &given} {
		got := mustVerify(t, m, key)
		want := audit.Report{Key: given.Text(audit.KeyName), KeyFromStore: key == nil}
		for _, log := range []string{"piinguin-1", "piinguin-2"} {
			last, err := m.Last(t.Context(), log)
			if err != nil {
				t.Fatal(err)
			}
			want.Logs = append(want.Logs, audit.LogReport{
				Log: log, Pages: 5, Size: 9, Root: last.Root, Checkpoint: string(last.Checkpoint), Whole: true,
			})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	}
}

// TestVerifyReportsWhatIsWhole holds that a log with a finding is reported up to
// it, and the others all the same.
func TestVerifyReportsWhatIsWhole(t *testing.T) {
	m := newFilled(t, 2)
	pages := m.RawPages("piinguin-1")
	pages[3] = clonePage(pages[3])
	pages[3].Root[0] ^= 1
	m.SetRawPages("piinguin-1", pages)
	r := mustVerify(t, m, nil)
	if diff := cmp.Diff([]string{audit.PageRow("piinguin-1", 3)}, rows(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if l := r.Logs[0]; l.Whole || l.Pages != 3 || l.Size != 5 || l.Root != pages[2].Root || l.Checkpoint != string(pages[2].Checkpoint) {
		t.Errorf("the log with the finding: %+v, want three pages of it", l)
	}
	if l := r.Logs[1]; !l.Whole || l.Size != 9 {
		t.Errorf("the other log: %+v, want it whole", l)
	}
}

// TestVerifyKey holds what is found of a key that is not the ledger's, and that a given
// key is used whatever the store says.
func TestVerifyKey(t *testing.T) {
	own, other := newKey(t, 1).Verifier(), newKey(t, 2).Verifier()
	firsts := []string{audit.PageRow("piinguin-1", 0), audit.PageRow("piinguin-2", 0)}
	for name, c := range map[string]struct {
		kept  string
		given *audit.VerifierKey
		want  []string
	}{
		"lost":                            {"", nil, []string{audit.KeyRow}},
		"changed":                         {other.Text(audit.KeyName), nil, []string{audit.KeyRow}},
		"renamed":                         {own.Text("piinguin-1"), nil, []string{audit.KeyRow}},
		"no key":                          {canary, nil, []string{audit.KeyRow}},
		"changed, but the own is given":   {other.Text(audit.KeyName), &own, nil},
		"lost, but the own is given":      {"", &own, nil},
		"another is given":                {own.Text(audit.KeyName), &other, firsts},
		"another is given and kept":       {other.Text(audit.KeyName), &other, firsts},
		"own is given and another's kept": {other.Text(audit.KeyName), &own, nil},
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
		if r.Key != want.Text(audit.KeyName) || r.KeyFromStore != (c.given == nil) {
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
	m.SetRawPages("piinguin-1", m.RawPages("piinguin-1")[1:])
	m.SetRawKey("")
	r := mustVerify(t, m, nil)
	if diff := cmp.Diff([]string{audit.KeyRow}, rows(r)); diff != "" || len(r.Logs) > 0 {
		t.Errorf("logs %v, findings (-want +got):\n%s", r.Logs, diff)
	}
}

func TestVerifyRegistry(t *testing.T) {
	m := newFilled(t, 3)
	m.SetRawLogs("piinguin-1", "piinguin-2", "piinguin-9")
	want := []string{audit.PageRow("piinguin-9", 0), audit.LogRow("piinguin-3")}
	r := mustVerify(t, m, nil)
	if diff := cmp.Diff(want, rows(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if len(r.Logs) != 4 || !r.Logs[2].Whole || r.Logs[3].Whole {
		t.Errorf("logs %+v, want the unregistered one verified and the one without pages not whole", r.Logs)
	}
}

// TestVerifyOfNothing holds that what is not there is not whole: the reviewer may
// have named the wrong store.
func TestVerifyOfNothing(t *testing.T) {
	given := newKey(t, 1).Verifier()
	for _, key := range []*audit.VerifierKey{nil, &given} {
		if _, err := audit.Verify(t.Context(), audit.NewMem(), audit.VerifyOptions{Key: key}); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Verify of an empty store: %v, want ErrNotFound", err)
		}
	}
}

// TestVerifyEngineError holds that a store that could not be read is no evidence.
func TestVerifyEngineError(t *testing.T) {
	given := newKey(t, 1).Verifier()
	m := newFilled(t, 2)
	for name, c := range map[string]struct {
		store audit.Store
		key   *audit.VerifierKey
	}{
		"Audit":                 {&failingStore{m, "Audit"}, &given},
		"VerifierKey":           {&failingStore{m, "VerifierKey"}, nil},
		"Pages, for the key":    {audittest.NewFaulty(m, failsAt(1)), nil},
		"Pages, a log":          {audittest.NewFaulty(m, failsAt(1)), &given},
		"Pages, the second log": {audittest.NewFaulty(m, failsAt(2)), &given},
		"Pages, after the key":  {audittest.NewFaulty(m, failsAt(2)), nil},
	} {
		r, err := audit.Verify(t.Context(), c.store, audit.VerifyOptions{Key: c.key})
		if !errors.Is(err, errEngine) || len(r.Findings) > 0 {
			t.Errorf("%s fails: %v with findings %v, want the error alone", name, err, r.Findings)
		}
	}
}

// failsAt fails one reading of pages.
func failsAt(call int) func(string, int) audittest.Fault {
	return func(op string, n int) audittest.Fault {
		if op == audittest.Pages && n == call {
			return audittest.Fault{Err: errEngine}
		}
		return audittest.Fault{}
	}
}
