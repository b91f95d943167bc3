package verify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// page is the condition of the row of a page.
func page(log, number int64) string { return fmt.Sprintf("WHERE id = %d", log<<40|number) }

// tamperings are changes of a ledger of two logs with three pages each, in SQL, and the row that both
// verifiers name.
var tamperings = map[string]struct{ sql, row string }{
	"line changed":        {"UPDATE audit_pages SET lines = replace(lines, 'support', 'suxport') " + page(1, 1), "page 1/1"},
	"line removed":        {"UPDATE audit_pages SET lines = substr(lines, instr(lines, char(10)) + 1) " + page(1, 1), "1/1"},
	"lines gone":          {"UPDATE audit_pages SET lines = NULL, leaves = x'' " + page(1, 1), "page 1/1"},
	"no newline":          {"UPDATE audit_pages SET lines = rtrim(lines, char(10)) " + page(1, 1), "page 1/1"},
	"first":               {"UPDATE audit_pages SET first = first + 1 " + page(1, 1), "page 1/1"},
	"time":                {"UPDATE audit_pages SET time = '2026-02-03T04:05:07.000000Z' " + page(1, 1), "page 1/1"},
	"leaves":              {"UPDATE audit_pages SET leaves = x'' " + page(1, 1), "page 1/1"},
	"edge":                {"UPDATE audit_pages SET edge = CAST(edge || zeroblob(32) AS BLOB) " + page(1, 1), "page 1/1"},
	"edge cut":            {"UPDATE audit_pages SET edge = substr(edge, 2) " + page(1, 1), "page 1/1"},
	"root":                {"UPDATE audit_pages SET root = zeroblob(32) " + page(1, 1), "page 1/1"},
	"checkpoint":          {"UPDATE audit_pages SET checkpoint = checkpoint || char(10) " + page(1, 1), "page 1/1"},
	"another checkpoint":  {"UPDATE audit_pages SET checkpoint = (SELECT checkpoint FROM audit_pages " + page(1, 2) + ") " + page(1, 1), "page 1/1"},
	"cosigned":            {"UPDATE audit_pages SET checkpoint = checkpoint || '— w AAAA' || char(10) " + page(1, 1), "page 1/1"},
	"page removed":        {"DELETE FROM audit_pages " + page(1, 1), "page 1/1"},
	"first page removed":  {"DELETE FROM audit_pages " + page(1, 0), "page 1/0"},
	"last page removed":   {"DELETE FROM audit_pages " + page(1, 2), "entry 1/3"},
	"log removed":         {"DELETE FROM audit_pages WHERE id >> 40 = 2", "2/0"},
	"pages exchanged":     {"UPDATE audit_pages SET id = CASE id & 7 WHEN 1 THEN -2 ELSE -1 END WHERE id IN ((1<<40)|1, (1<<40)|2); UPDATE audit_pages SET id = (1<<40) - id WHERE id < 0", "page 1/1"},
	"moved to a log":      {"UPDATE audit_pages SET id = (3<<40) + (id & 7) WHERE id >> 40 = 2", "2/0"},
	"log doubled":         {"INSERT INTO audit_pages SELECT id + (2<<40), first, time, lines, leaves, edge, root, checkpoint FROM audit_pages WHERE id >> 40 = 1", "page 3/0"},
	"page far away":       {"INSERT INTO audit_pages SELECT (1<<41) - 1, first, time, lines, leaves, edge, root, checkpoint FROM audit_pages " + page(1, 1), "1/"},
	"id below":            {"INSERT INTO audit_pages SELECT -7, first, time, lines, leaves, edge, root, checkpoint FROM audit_pages " + page(1, 1), "audit_pages id -7"},
	"id above":            {"INSERT INTO audit_pages SELECT 9223372036854775807, first, time, lines, leaves, edge, root, checkpoint FROM audit_pages " + page(1, 1), "audit_pages id 9223372036854775807"},
	"spine cut":           {"DELETE FROM audit_pages " + page(0, 1), "page spine/1"},
	"spine gone":          {"DELETE FROM audit_pages WHERE id < 1<<40", "page spine/0"},
	"spine line changed":  {"UPDATE audit_pages SET lines = replace(lines, 'GRANTED', 'DENIED') " + page(0, 1), "page spine/1"},
	"ledger row changed":  {"UPDATE audit_ledger SET verifier = replace(verifier, 'pii', 'pij')", "ledger"},
	"ledger row gone":     {"DELETE FROM audit_ledger", "ledger"},
	"a view for a table":  {"DROP TABLE audit_pages; CREATE VIEW audit_pages AS WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n) SELECT id, 0 AS first, '' AS time, '' AS lines, NULL AS leaves, x'' AS edge, x'' AS root, '' AS checkpoint FROM n", "schema audit_pages"},
	"a row of 100 MB":     {"UPDATE audit_pages SET checkpoint = CAST(zeroblob(100000000) AS TEXT) " + page(1, 1), "page"},
	"a line of 10 MB":     {"UPDATE audit_pages SET lines = CAST(zeroblob(10000000) AS TEXT) || char(10) " + page(1, 1), "page"},
	"lines of no UTF-8":   {"UPDATE audit_pages SET lines = CAST(x'ff0a' AS TEXT) " + page(1, 1), "page 1/1"},
	"lines deeply nested": {"UPDATE audit_pages SET lines = replace(CAST(zeroblob(60000) AS TEXT), char(0), '[') || char(10) " + page(1, 1), "page 1/1"},
}

// TestTampering changes rows in every way. Both verifiers, which share no code, find each change.
func TestTampering(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 2, 4, nil)
	run(t, 0, "ledger", h.path, h.key)
	for name, c := range tamperings {
		t.Run(name, func(t *testing.T) {
			path := h.copyFile(t)
			change(t, path, strings.Split(c.sql, "; ")...)
			mustSay(t, run(t, 1, "ledger", path, h.key), c.row)
			if c.row == "page" {
				c.row = "page 1/1"
			}
			if rows := found(t, path, h.key); !slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, c.row) }) {
				t.Errorf("audit.Verify finds %q, want %s", rows, c.row)
			}
		})
	}
}

// TestLineWithItsEdge changes a line and the edge with it, so that root and checkpoint alone contradict it.
func TestLineWithItsEdge(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 1, 1, nil)
	var line []byte
	h.with(t, func(s audit.Store) {
		lines, err := audit.Lines(t.Context(), s, 1, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		line = []byte(strings.Replace(string(lines[0]), "GRANTED", "DENIED", 1))
	})
	leaf := audit.LeafHash(line) // of a tree of one entry the leaf is the edge
	change(t, h.path, fmt.Sprintf("UPDATE audit_pages SET lines = replace(lines, 'GRANTED', 'DENIED'), edge = x'%x' ", leaf[:])+page(1, 0))
	mustSay(t, run(t, 1, "ledger", h.path, h.key), "page 1/0: its root is not that of its entries")
}

// TestFlippedBytes flips bytes of the rows and of a kept file.
func TestFlippedBytes(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 1, 2, nil)
	for _, column := range []string{"lines", "edge", "root", "checkpoint"} {
		for _, at := range []int{1, 90} {
			path := h.copyFile(t)
			change(t, path, fmt.Sprintf(`UPDATE audit_pages SET %[1]s = CAST(substr(CAST(%[1]s AS BLOB), 1, %[2]d %% length(%[1]s)) || '~' ||
				substr(CAST(%[1]s AS BLOB), 2 + %[2]d %% length(%[1]s)) AS %[3]s) `, column, at,
				map[bool]string{true: "TEXT", false: "BLOB"}[column == "lines" || column == "checkpoint"])+page(1, 1))
			mustSay(t, run(t, 1, "ledger", path, h.key), "page 1/1")
		}
	}
	data := read(t, h.kept[0])
	for at := 0; at < len(data); at += 1 + len(data)/10 {
		flipped := slices.Clone(data)
		flipped[at] ^= 1
		path := filepath.Join(t.TempDir(), "flipped.kept")
		write(t, path, flipped)
		run(t, 1, "kept", path, h.key)
		mustSay(t, run(t, 1, "ledger", h.path, h.key, path), "kept checkpoint "+path)
	}
}

func TestKeptFile(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 2, 4, nil)
	other := newHistory(t)
	other.name, other.sign = "vault.example.com/other", newKey(t, 2)
	other.serve(t, 1, 1, nil)
	mustSay(t, run(t, 0, "kept", h.kept[0], h.key), "log 2: 5 entries, root ")
	run(t, 1, "kept", h.kept[0], other.sign.Verifier().Text(ledgerName))
	mustSay(t, run(t, 1, "ledger", h.path, h.key, other.kept[0]), "it is of another ledger")

	// Cosignatures behind it are passed over.
	path := filepath.Join(t.TempDir(), "cosigned.kept")
	write(t, path, append(read(t, h.kept[0]), "— w.example/1 AAAAAAAA\n"...))
	run(t, 0, "ledger", h.path, h.key, path)
}

// TestHostileKeptFiles: no file makes it wait or fill memory, and each is named.
func TestHostileKeptFiles(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 1, 1, nil)
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name+".kept") }
	for _, err := range []error{
		syscall.Mkfifo(at("fifo"), 0o600),
		os.Symlink("/dev/zero", at("zero")),
		os.Symlink("nowhere", at("dangling")),
		os.Mkdir(at("folder"), 0o700),
		os.WriteFile(at("sparse"), nil, 0o600),
		os.Truncate(at("sparse"), 1<<40),
		os.WriteFile(at("garbage"), []byte("garbage"), 0o600),
		os.WriteFile(at("empty"), nil, 0o600),
		os.WriteFile(filepath.Join(folder, ".hidden.kept"), []byte("x"), 0o600),
		os.WriteFile(filepath.Join(folder, "other"), []byte("x"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	out := run(t, 1, "ledger", h.path, h.key, folder)
	for _, name := range []string{"fifo", "zero", "dangling", "sparse", "garbage", "empty"} {
		mustSay(t, out, "kept checkpoint "+at(name)+": ")
	}
	if strings.Contains(out, "hidden") || strings.Contains(out, "other") || strings.Contains(out, at("folder")) {
		t.Errorf("it names what is no kept file by its name:\n%s", out)
	}
}

// TestProofOfAnEntry checks proofs that package audit made.
func TestProofOfAnEntry(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 1, 9, nil)
	proof, line := filepath.Join(t.TempDir(), "proof"), filepath.Join(t.TempDir(), "line")
	h.with(t, func(s audit.Store) {
		for _, index := range []int64{0, 1, 7, 16, 18} {
			p, err := audit.ProveEntry(t.Context(), s, 1, index)
			if err != nil {
				t.Fatal(err)
			}
			lines, err := audit.Lines(t.Context(), s, 1, index, 1)
			if err != nil {
				t.Fatal(err)
			}
			write(t, proof, p)
			write(t, line, append(lines[0], '\n'))
			mustSay(t, run(t, 0, "proof", proof, h.key, line), fmt.Sprintf("entry %s/1/%d is one of the 19 ", ledgerName, index))
			if index != 16 {
				continue
			}
			for at := 0; at < len(p); at += 1 + len(p)/8 {
				flipped := slices.Clone(p)
				flipped[at] ^= 1
				write(t, proof, flipped)
				run(t, 1, "proof", proof, h.key, line)
			}
			write(t, proof, p)
			write(t, line, []byte(strings.Replace(string(lines[0]), "support", "suxport", 1)))
			run(t, 1, "proof", proof, h.key, line)
			run(t, 1, "proof", proof, newKey(t, 2).Verifier().Text(ledgerName), line)
		}
	})
}

// TestStubWithoutAPrune puts the stubs of a pruned ledger into a copy whose spine has no PRUNE.
func TestStubWithoutAPrune(t *testing.T) {
	h := newHistory(t)
	h.serve(t, 3, 9, nil)
	path := h.copyFile(t)
	h.prune(t)
	change(t, path, fmt.Sprintf("ATTACH '%s' AS pruned; DELETE FROM main.audit_pages WHERE id >> 40 = 1; "+
		"INSERT INTO main.audit_pages SELECT * FROM pruned.audit_pages WHERE id >> 40 = 1", h.path))
	mustSay(t, run(t, 1, "ledger", path, h.key), "page 1/3: the lines before it are gone, and no PRUNE says that they were removed")
	if rows := found(t, path, h.key); !slices.Equal(rows, []string{"page 1/3"}) {
		t.Errorf("audit.Verify finds %q", rows)
	}
}
