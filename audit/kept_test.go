package audit_test

import (
	"bytes"

	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// each yields kept files.
func each(kept ...audit.KeptFile) iter.Seq2[audit.KeptFile, error] {
	return func(yield func(audit.KeptFile, error) bool) {
		for _, k := range kept {
			if !yield(k, nil) {
				return
			}
		}
	}
}

func mustKeep(t testing.TB, s audit.Reader, name string) audit.KeptFile {
	t.Helper()
	data, _, err := audit.Keep(t.Context(), s)
	if err != nil {
		t.Fatalf("Keep: %v", err)
	}
	return audit.KeptFile{Name: name, Data: data}
}

// verifyKept verifies with the reviewer's own key and name, and kept files.
func verifyKept(t *testing.T, s audit.Evidence, kept ...audit.KeptFile) audit.Report {
	t.Helper()
	key := newKey(t, 1).Verifier()
	r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: &key, Name: ledgerName, Kept: each(kept...)})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return r
}

// newHistory returns a store that several servers wrote, one after the other, and what was kept after
// each of them. The third log is the newest.
func newHistory(t testing.TB) (*audit.Mem, []audit.KeptFile) {
	t.Helper()
	m, kept, _ := newCopies(t)
	return m, kept
}

// newCopies is newHistory, with a copy of the store after each server.
func newCopies(t testing.TB) (m *audit.Mem, kept []audit.KeptFile, copies []*audit.Mem) {
	t.Helper()
	m = audit.NewMem()
	now := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
	for i, logs := range []int{1, 2, 2, 3} {
		c := config(t, m)
		c.Logs, c.Now = logs, func() time.Time { return now }
		fill(t, open(t, c), 2*logs)
		kept = append(kept, mustKeep(t, m, fmt.Sprintf("of server %d", i)))
		copies = append(copies, copyOf(t, m))
		now = now.Add(time.Hour)
	}
	return m, kept, copies
}

// copyOf returns a store with the same rows.
func copyOf(t testing.TB, m *audit.Mem) *audit.Mem {
	t.Helper()
	c := audit.NewMem()
	survey, err := m.Survey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range survey.Logs {
		c.SetRawPages(log, m.RawPages(log))
	}
	text, err := m.VerifierKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.SetRawKey(text)
	return c
}

func TestKeptFilesOfWhatStands(t *testing.T) {
	m, kept := newHistory(t)
	twice := slices.Concat(kept[:2], kept[1:]) // one of them from two places
	for i := range twice {
		twice[i].Data = append(slices.Clone(twice[i].Data), "— witness.example AAAAAAAA\n"...) // of others: passed over
	}
	r := verifyKept(t, m, twice...)
	if len(r.Findings) > 0 || r.Kept != len(twice) {
		t.Errorf("findings %v, %d of %d kept files agree", r.Findings, r.Kept, len(twice))
	}
	for i, k := range kept {
		name, size, err := audit.KeptPlace(k)
		if err != nil || name != ledgerName || size < 2 {
			t.Errorf("KeptPlace of file %d: %s, %d, %v", i, name, size, err)
		}
		if r := verifyKept(t, m, k); len(r.Findings) > 0 || r.Kept != 1 {
			t.Errorf("file %d alone: findings %v, %d agree", i, r.Findings, r.Kept)
		}
	}
	key := newKey(t, 1).Verifier()
	_, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &key, Kept: each(kept[2], kept[1])})
	if err == nil || !strings.Contains(err.Error(), kept[1].Name) {
		t.Errorf("kept files out of order: %v, want an error that names the second", err)
	}
}

// TestKeptFileOfAnOlderCheckpoint keeps a CHECKPOINT that is not the newest of the spine that its proof
// leads to. It is as true as any other.
func TestKeptFileOfAnOlderCheckpoint(t *testing.T) {
	m, kept := newHistory(t)
	line, _, _ := bytes.Cut(kept[1].Data, []byte("\n"))
	e, err := audit.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := audit.ProveEntry(t.Context(), m, audit.Spine, e.Index)
	if err != nil {
		t.Fatal(err)
	}
	older := audit.KeptFile{Name: "older", Data: slices.Concat(line, []byte("\n"), proof)}
	if r := verifyKept(t, m, older); len(r.Findings) > 0 || r.Kept != 1 {
		t.Errorf("findings %v, %d agree", r.Findings, r.Kept)
	}
}
