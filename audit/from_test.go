package audit_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

func verifyFrom(t *testing.T, s audit.Evidence, from audit.KeptFile, kept ...audit.KeptFile) (audit.Report, error) {
	t.Helper()
	key := newKey(t, 1).Verifier()
	return audit.Verify(t.Context(), s, audit.VerifyOptions{Key: &key, From: &from, Kept: each(kept...)})
}

// TestVerifyFrom reads only what came after a kept file, and finds what was changed there.
func TestVerifyFrom(t *testing.T) {
	m := audit.NewMem()
	var kept []audit.KeptFile
	for n := range 4 {
		fill(t, newLedger(t, m, n/2+1), 60)
		kept = append(kept, mustKeep(t, m, strings.Repeat("k", n+1)))
	}
	for i, from := range kept {
		s := &counted{Store: m}
		r, err := verifyFrom(t, s, from, kept...)
		if err != nil || len(r.Findings) > 0 || r.Kept != len(kept)-i {
			t.Fatalf("from file %d: %v, %v, %d kept files", i, r.Findings, err, r.Kept)
		}
		if log := r.Logs[1]; log.From == 0 || !log.Whole || log.Size != m.RawPages(1)[len(m.RawPages(1))-1].Size() {
			t.Errorf("from file %d: %+v", i, log)
		}
		if limit := int64(60*(len(kept)-1-i) + 80); s.read.Load() > limit {
			t.Errorf("from file %d: %d pages read, want at most %d", i, s.read.Load(), limit)
		}
	}
	pages := m.RawPages(1)
	for name, c := range map[string]struct {
		pages []audit.Page
		want  string
	}{
		"cut before the file":       {pages[:50], audit.EntryRow(1, 99)},
		"a page after the file":     {slices.Delete(slices.Clone(pages), 100, 101), audit.PageRow(1, 100)},
		"cut after the file":        {pages[:100], audit.EntryRow(1, pages[100].First)},
		"written anew":              {forged(t, pages, 40), audit.PageRow(1, 60)},
		"written anew from the end": {forged(t, pages, 100), audit.PageRow(1, 120)},
	} {
		m.SetRawPages(1, c.pages)
		r, err := verifyFrom(t, m, kept[0])
		if diff := cmp.Diff([]string{c.want}, rows(r)); err != nil || diff != "" {
			t.Errorf("%s: %v, findings (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestVerifyFromTheNewest holds that the logs are read though no later CHECKPOINT lists them.
func TestVerifyFromTheNewest(t *testing.T) {
	m, kept := newHistory(t)
	pages := m.RawPages(2)
	grown := append(slices.Clone(pages), audit.ForgePage(newKey(t, 1), pages, newEntry(1)))
	broken := clonePage(grown[len(pages)])
	broken.Lines[0][30] ^= 1
	for name, c := range map[string]struct {
		pages []audit.Page
		want  []string
	}{
		"grown":                {grown, nil},
		"grown, and a bad row": {append(slices.Clone(pages), broken), []string{audit.PageRow(2, int64(len(pages)))}},
		"cut":                  {pages[:len(pages)-1], []string{audit.EntryRow(2, pages[len(pages)-1].First)}},
		"gone":                 {nil, []string{audit.EntryRow(2, 0)}},
		"written anew":         {forged(t, pages, 1), []string{audit.PageRow(2, int64(len(pages))-1)}},
	} {
		m.SetRawPages(2, c.pages)
		r, err := verifyFrom(t, m, kept[3])
		if diff := cmp.Diff(c.want, rows(r)); err != nil || diff != "" {
			t.Errorf("%s: %v, findings (-want +got):\n%s", name, err, diff)
		}
	}
}

// forged returns pages that the key's holder wrote anew from one on.
func forged(t *testing.T, pages []audit.Page, from int) []audit.Page {
	t.Helper()
	anew := slices.Clone(pages[:from])
	for i := from; i < len(pages); i++ {
		anew = append(anew, audit.ForgePage(newKey(t, 1), anew, newEntry(5000+2*i), newEntry(5001+2*i)))
	}
	return anew
}

// TestVerifyFromWhatIsNotTrue holds that nothing is trusted but what the ledger's key signed.
func TestVerifyFromWhatIsNotTrue(t *testing.T) {
	m, kept := newHistory(t)
	other := audit.NewMem()
	c := config(t, other)
	c.Key = newKey(t, 2)
	fill(t, open(t, c), 3)
	for name, data := range badKept(t, kept[1].Data, mustKeep(t, other, "").Data) {
		if r, err := verifyFrom(t, m, audit.KeptFile{Name: name, Data: data}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v; want an error that names it", name, r.Findings, err)
		}
	}
}

// badKept are files that are no kept files, or not true.
func badKept(t *testing.T, good, otherKey []byte) map[string][]byte {
	t.Helper()
	line, proof, _ := bytes.Cut(good, []byte("\n"))
	named := audit.NewMem()
	c := config(t, named)
	c.Name = "vault.example.com/other"
	fill(t, open(t, c), 3)
	return map[string][]byte{
		"empty": nil, "canary": []byte(canary), "the line alone": line, "the proof alone": proof, "cut": good[:len(good)-20],
		"too long":           append(bytes.Clone(good), make([]byte, audit.MaxKept)...),
		"another key":        otherKey,
		"another ledger":     mustKeep(t, named, "").Data,
		"another line":       slices.Concat(bytes.Replace(line, []byte(`"index":`), []byte(`"index":1`), 1), []byte("\n"), proof),
		"CRLF":               bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
		"an empty line more": slices.Concat(line, []byte("\n\n"), proof),
		"an older proof":     bytes.Replace(good, []byte("index "), []byte("index 0"), 1),
	}
}

// TestKeptFilesThatAreNone holds that a kept file that is not true is a finding that names it, and that
// those beside it are compared all the same.
func TestKeptFilesThatAreNone(t *testing.T) {
	m, kept := newHistory(t)
	other := audit.NewMem()
	c := config(t, other)
	c.Key = newKey(t, 2)
	fill(t, open(t, c), 3)
	for name, data := range badKept(t, kept[1].Data, mustKeep(t, other, "").Data) {
		r := verifyKept(t, m, kept[0], audit.KeptFile{Name: name, Data: data}, kept[2])
		if diff := cmp.Diff([]string{"kept checkpoint " + name}, rows(r)); diff != "" || r.Kept != 2 {
			t.Errorf("%s: %d kept files agree, findings (-want +got):\n%s", name, r.Kept, diff)
		}
		if name != "canary" {
			for _, f := range r.Findings {
				mustNotQuote(t, f)
			}
		}
	}
	for k := range kept[1].Data {
		changed := bytes.Clone(kept[1].Data)
		changed[k] ^= 1
		if r := verifyKept(t, m, audit.KeptFile{Name: "changed", Data: changed}); len(r.Findings) != 1 || r.Findings[0].Row != "kept checkpoint changed" {
			t.Errorf("byte %d was changed: findings %v", k, r.Findings)
		}
	}
}

// TestSpineAfterFrom holds the spine to what was listed before the file that Verify begins with.
func TestSpineAfterFrom(t *testing.T) {
	m, kept := newHistory(t)
	spine := m.RawPages(audit.Spine)
	first := m.RawPages(1)[0]
	m.SetRawPages(audit.Spine, append(spine, audit.ForgePage(newKey(t, 1), spine, audit.Entry{
		Operation: audit.Checkpoint, Outcome: audit.Granted, Checkpoint: "1 1 " + first.Root.String(),
	})))
	r, err := verifyFrom(t, m, kept[3])
	if diff := cmp.Diff([]string{audit.EntryRow(audit.Spine, spine[len(spine)-1].Size())}, rows(r)); err != nil || diff != "" {
		t.Errorf("%v, findings (-want +got):\n%s", err, diff)
	}
}
