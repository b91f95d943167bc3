package verify_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

func TestLedgerInSQLite(t *testing.T) {
	h := newHistory(t)
	h.live(t)
	out := run(t, 0, append([]string{"ledger", h.path, h.key}, h.kept...)...)
	mustSay(t, out, "3 kept files agree")
	mustSay(t, out, "whole: ledger "+ledgerName)
	mustSay(t, out, "log 3: ")
	h.prune(t)
	h.rotate(t, 3)
	h.prune(t) // the last page of each log that goes is the one of KEY
	h.serve(t, 4, 8, nil)
	out = run(t, 0, "ledger", h.path, h.key, filepath.Dir(h.path))
	mustSay(t, out, "of them pruned")
	mustSay(t, out, "6 kept files agree")
	if rows := found(t, h.path, h.key); len(rows) > 0 {
		t.Errorf("audit.Verify finds %q", rows)
	}

	// A later key is not the first one, and another ledger's is none at all.
	run(t, 1, "ledger", h.path, h.sign.Verifier().Text(ledgerName))
	run(t, 1, "ledger", h.path, newKey(t, 1).Verifier().Text("vault.example.com/other"))
	run(t, 2, "ledger", h.path, "rubbish")
	run(t, 2, "ledger", h.path+".not", h.key)
	change(t, filepath.Join(t.TempDir(), "x"), "CREATE TABLE other (x)")
	old := filepath.Join(t.TempDir(), "old.db")
	change(t, old, "CREATE TABLE audit_logs (log TEXT)", "CREATE TABLE audit_pages (log TEXT, number INTEGER)")
	mustSay(t, run(t, 2, "ledger", old, h.key), "older format")
}

// TestRestoredLedger goes on from an older copy, and then under a new name.
func TestRestoredLedger(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 2, 4, nil)
	older := h.copyFile(t)
	h.serve(t, 2, 4, nil)
	h.serve(t, 2, 4, nil)
	write(t, h.path, read(t, older))
	mustSay(t, run(t, 1, "ledger", h.path, h.key, filepath.Dir(h.path)), "is missing: the file has")

	lost := audit.KeptFile{Name: "newest", Data: read(t, h.kept[2])}
	h.name = "vault.example.com/again"
	h.with(t, func(s audit.Store) {
		if err := audit.Restart(t.Context(), s, h.sign, h.name, &lost, func() time.Time { return h.now }); err != nil {
			t.Fatal(err)
		}
	})
	h.rotate(t, 2)
	h.serve(t, 3, 6, nil)
	out := run(t, 0, append([]string{"ledger", h.path, h.key}, h.kept...)...)
	mustSay(t, out, "2 kept files agree, 2 are of what a ROLLBACK says was lost")
	if rows := found(t, h.path, h.key); len(rows) > 0 {
		t.Errorf("audit.Verify finds %q", rows)
	}
	run(t, 0, "ledger", h.exported(t), h.key, filepath.Dir(h.path))
}

func TestExportedLedger(t *testing.T) {
	h := newHistory(t)
	h.live(t)
	folder := h.exported(t)
	at := func(name string) string { return filepath.Join(folder, name) }
	mustSay(t, run(t, 0, append([]string{"ledger", folder, h.key}, h.kept...)...), "3 kept files agree")
	mustSay(t, run(t, 0, "export", at("1.jsonl"), at("1.checkpoint"), h.key), " entries of "+ledgerName+"/1, root ")

	for name, c := range map[string]struct {
		do   func()
		says string
	}{
		"a log is left out":        {func() { remove(t, at("2.jsonl")) }, "log 2: it has no lines, and no PRUNE"},
		"and its checkpoint":       {func() { remove(t, at("2.jsonl")); remove(t, at("2.checkpoint")) }, "log 2: it was not exported"},
		"the newest log":           {func() { remove(t, at("3.jsonl")); remove(t, at("3.checkpoint")) }, "log 3: it was not exported"},
		"the spine":                {func() { remove(t, at("spine.jsonl")) }, "log spine: it has no lines"},
		"another log's lines":      {func() { write(t, at("1.jsonl"), read(t, at("2.jsonl"))) }, "log 1: line 1: not of log 1"},
		"another log's checkpoint": {func() { write(t, at("1.checkpoint"), read(t, at("2.checkpoint"))) }, "log 1: the checkpoint is of"},
	} {
		before := snapshot(t, folder)
		c.do()
		mustSay(t, run(t, 1, "ledger", folder, h.key), c.says)
		for path, data := range before {
			write(t, path, data)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// A whole export of an older ledger, with a later kept file.
	older := newHistory(t)
	older.serve(t, 1, 5, nil)
	early := older.exported(t)
	run(t, 0, "ledger", early, h.key, h.kept[0])
	out := run(t, 1, "ledger", early, h.key, h.kept[1])
	mustSay(t, out, "log 2: it was not exported")
	mustSay(t, out, "entry 1/11: missing: the kept checkpoint")

	h.prune(t)
	mustSay(t, run(t, 0, append([]string{"ledger", h.exported(t), h.key}, h.kept...)...), "4 kept files agree")
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files[filepath.Join(folder, e.Name())] = read(t, filepath.Join(folder, e.Name()))
	}
	return files
}
