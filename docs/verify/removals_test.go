package verify_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// removal is something that is taken out of a ledger's rows by hand.
type removal struct {
	what string
	do   func(t *testing.T, path string)
}

func bySQL(statements ...string) func(*testing.T, string) {
	return func(t *testing.T, path string) { t.Helper(); change(t, path, statements...) }
}

// pages is the condition of the pages of a log from a number on.
func pages(log, from int64) string {
	return fmt.Sprintf("WHERE id >= %d AND id < %d", log<<40|from, (log+1)<<40)
}

func byFile(path string) func(*testing.T, string) {
	return func(t *testing.T, at string) { t.Helper(); write(t, at, read(t, path)) }
}

// what Verify says: the first finding, or why it could not verify.
func verdict(t *testing.T, path string, o audit.VerifyOptions) (said string) {
	t.Helper()
	withStore(t, path, func(s audit.Store) {
		r, err := audit.Verify(t.Context(), s, o)
		switch {
		case errors.Is(err, audit.ErrNotFound):
			said = "there is no ledger"
		case err != nil:
			t.Fatal(err)
		case len(r.Findings) > 0:
			said = "`" + r.Findings[0].Row + "`"
		default:
			said = "nothing"
		}
	})
	return said
}

// TestRemovals removes entries by hand in each possible way, and holds the table of the threat model to
// what says so: Verify by itself, with the first verifier key, and with one kept file beside it.
// verify.py, with the same key and file, finds every removal too.
func TestRemovals(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 2, 6, nil)
	older := h.copyFile(t)
	h.serve(t, 3, 6, nil) // spine: OPEN, 1, 2, both; 3, all
	whole := h.copyFile(t)
	last := audit.KeptFile{Name: "kept", Data: read(t, h.kept[1])}

	other := newHistory(t)
	other.name, other.sign = "vault.example.com/other", newKey(t, 2)
	other.serve(t, 3, 6, nil)
	anew := newHistory(t)
	anew.now = h.now
	anew.serve(t, 2, 6, nil)
	anew.serve(t, 3, 6, nil)
	empty := newHistory(t)
	empty.with(t, func(audit.Store) {})

	first, err := audit.ParseVerifierKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| removed | nothing kept | the first verifier key kept | key and one kept file |\n|---|---|---|---|\n")
	for _, r := range []removal{
		{"an entry: its line in a page", bySQL("UPDATE audit_pages SET lines = substr(lines, instr(lines, char(10)) + 1) " + page(1, 2))},
		{"a page", bySQL("DELETE FROM audit_pages " + page(1, 2))},
		{"the first pages of a log", bySQL("DELETE FROM audit_pages WHERE id >= 1<<40 AND id < (1<<40) + 3")},
		{"the lines of a page, as if it were pruned", bySQL("UPDATE audit_pages SET lines = NULL, leaves = x'' "+page(1, 2), "DELETE FROM audit_pages WHERE id >= 1<<40 AND id < (1<<40) + 2")},
		{"the newest pages of a log", bySQL("DELETE FROM audit_pages " + pages(1, 4))},
		{"a whole log", bySQL("DELETE FROM audit_pages " + pages(2, 0))},
		{"the newest log", bySQL("DELETE FROM audit_pages " + pages(3, 0))},
		{"the newest log, and the pages of the spine that list it", bySQL("DELETE FROM audit_pages "+pages(3, 0), "DELETE FROM audit_pages "+pages(0, 4))},
		{"the newest pages of the spine", bySQL("DELETE FROM audit_pages " + pages(0, 5))},
		{"the newest pages of the spine and of all logs", bySQL("DELETE FROM audit_pages "+pages(0, 4), "DELETE FROM audit_pages "+pages(1, 4), "DELETE FROM audit_pages "+pages(2, 4), "DELETE FROM audit_pages "+pages(3, 0))},
		{"the whole spine", bySQL("DELETE FROM audit_pages " + pages(0, 0))},
		{"the row with name and key", bySQL("DELETE FROM audit_ledger")},
		{"the whole store, replaced by an older copy", byFile(older)},
		{"the whole store, replaced by another ledger's", byFile(other.path)},
		{"the whole store, written anew with the signing key", byFile(anew.path)},
		{"the whole store", byFile(empty.path)},
		{"nothing at all", bySQL()},
	} {
		path := filepath.Join(t.TempDir(), "removed.db")
		write(t, path, read(t, whole))
		r.do(t, path)
		kept := func(yield func(audit.KeptFile, error) bool) { yield(last, nil) }
		said := []string{
			verdict(t, path, audit.VerifyOptions{}),
			verdict(t, path, audit.VerifyOptions{Key: &first, Name: ledgerName}),
			verdict(t, path, audit.VerifyOptions{Key: &first, Name: ledgerName, Kept: kept}),
		}
		fmt.Fprintf(&table, "| %s | %s |\n", r.what, strings.Join(said, " | "))
		want := 1
		if said[2] == "nothing" {
			want = 0
		}
		if (want == 0) != (r.what == "nothing at all") {
			t.Errorf("%s: one kept file says %s", r.what, said[2])
		}
		run(t, want, "ledger", path, h.key, h.kept[1])
		alone := map[bool]int{true: 0, false: 1}[said[1] == "nothing"]
		if r.what != "the whole store" {
			run(t, alone, "ledger", path, h.key)
		}
	}
	mustGenerate(t, "../threat-model.md", "removals", table.String())
}
