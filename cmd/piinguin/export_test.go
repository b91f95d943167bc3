package main_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// verifyPy runs docs/verify/verify.py in the installation's folder; it must end
// with a code. It returns what was printed.
func (in *install) verifyPy(t *testing.T, want int, args ...string) string {
	t.Helper()
	program, err := filepath.Abs("../../docs/verify/verify.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", append([]string{program}, args...)...)
	cmd.Dir = in.dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != want || bytes.Contains(out, []byte("Traceback")) {
		t.Fatalf("verify.py %s: exit %d, want %d\n%s", strings.Join(args, " "), code, want, out)
	}
	return string(out)
}

func (in *install) file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(in.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (in *install) keep(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(in.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// readAll makes an entry for each of n reads, with texts that JSON can write in
// several ways.
func readAll(t *testing.T, p *process, n int) {
	t.Helper()
	req := &piinguinv1.ReadPiiRecordsRequest{
		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
		Purpose:         "R\u00fcckfrage \U0001F600 \ufb33 <&> \"\\/",
	}
	for i := range n {
		key := fmt.Sprintf("export-%d", i)
		if i%10 == 9 { // a purpose may hold no line separator, a pseudonym may
			key += "\u2028\ufeff"
		}
		req.ModifiedValues = append(req.ModifiedValues, key)
	}
	if _, err := p.as(t, "reader").ReadPiiRecords(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

const exportedEntries = 1000

// newExport returns an installation on SQLite with an export of 1,000 entries of
// a real server: export/1.jsonl, .checkpoint and export/key, the key of log 1.
func newExport(t *testing.T) *install {
	t.Helper()
	in := &install{dir: t.TempDir(), env: os.Environ(), store: "sqlite:piinguin-dev/piinguin.db"}
	p := in.start(t)
	if status, body := post(t, p, "dev-writer", "Piinguin/CreatePiiRecord", `{"pii_record":{"modified_value":"export-1","original_value":"`+canary+`"}}`); status != 200 {
		t.Fatal(body)
	}
	readAll(t, p, 500)
	readAll(t, p, exportedEntries-500-2) // an OPEN and a CREATE stand before
	p.stop(t)
	in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "export")
	keys := strings.Split(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store), "\n")
	in.keep(t, "export/key", []byte(keys[1]+"\n"))
	return in
}

// flip returns b with one bit of one byte changed.
func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// The names that newExport gives.
const (
	exportedLines      = "export/1.jsonl"
	exportedCheckpoint = "export/1.checkpoint"
	exportedKey        = "@export/key"
)

// The program in another language, which knows the format from its page alone,
// verifies an export, and finds whatever is changed in it.
func TestExport(t *testing.T) {
	in := newExport(t)
	raw, signed := in.file(t, exportedLines), in.file(t, exportedCheckpoint)
	if n := bytes.Count(raw, []byte("\n")); n != exportedEntries || bytes.Contains(raw, []byte(canary)) {
		t.Fatalf("an export of %d lines, or with an original value", n)
	}
	if out := in.verifyPy(t, 0, "export", exportedLines, exportedCheckpoint, exportedKey); !strings.Contains(out, "1000 entries of "+ledgerName+"/1") {
		t.Errorf("verify.py printed %q", out)
	}
	for name, c := range tamperedLines(t, raw) {
		in.keep(t, "tampered", bytes.Join(c.lines, nil))
		if out := in.verifyPy(t, 1, "export", "tampered", exportedCheckpoint, exportedKey); !strings.Contains(out, c.says) {
			t.Errorf("%s: verify.py printed %q, want %q in it", name, out, c.says)
		}
	}
	for i := range 12 {
		in.keep(t, "tampered", flip(raw, i*(len(raw)-1)/11))
		in.verifyPy(t, 1, "export", "tampered", exportedCheckpoint, exportedKey)
	}
	for _, c := range tamperedCheckpoints(signed) {
		in.keep(t, "tampered", c)
		in.verifyPy(t, 1, "export", exportedLines, "tampered", exportedKey)
	}
	in.verifyPy(t, 1, "export", exportedLines, exportedCheckpoint, otherKey(t))
	in.verifyPy(t, 2, "export", exportedLines, exportedCheckpoint, "rubbish")
	in.verifyPy(t, 2, "export", "not-there", exportedCheckpoint, exportedKey)
	verifyProofs(t, in, slices.Collect(bytes.Lines(raw)), signed)
}

// tampered is an export that must be found, and what is said of it.
type tampered struct {
	lines [][]byte
	says  string
}

func tamperedLines(t *testing.T, raw []byte) map[string]tampered {
	t.Helper()
	lines := slices.Collect(bytes.Lines(raw))
	e, err := audit.Parse(bytes.TrimSuffix(lines[999], []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	e.Index++
	next, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	swapped := slices.Clone(lines)
	swapped[10], swapped[11] = swapped[11], swapped[10]
	third := func(from, to string) [][]byte {
		return slices.Concat(lines[:2], [][]byte{bytes.Replace(lines[2], []byte(from), []byte(to), 1)}, lines[3:])
	}
	return map[string]tampered{
		"first removed":      {lines[1:], "line 1: not entry 0"},
		"one removed":        {slices.Concat(lines[:500], lines[501:]), "line 501: not entry 500"},
		"last removed":       {lines[:999], "line 1000: missing"},
		"nothing left":       {nil, "line 1: missing"},
		"swapped":            {swapped, "line 11: not entry 10"},
		"doubled":            {slices.Concat(lines[:8], lines[7:]), "line 9: not entry 8"},
		"appended":           {slices.Concat(lines, [][]byte{next, []byte("\n")}), "line 1001: the checkpoint has 1000"},
		"no newline at last": {[][]byte{raw[:len(raw)-1]}, "line 1000: no newline"},
		"carriage return":    {third("\n", "\r\n"), "line 3: not in canonical form"},
		"white space":        {third(`,`, `, `), "line 3: not in canonical form"},
		"escaped":            {third(`\\/`, `\\\/`), "line 3: not in canonical form"},
		"another purpose":    {third(`<&>`, `<+>`), "not those that the checkpoint signs"},
	}
}

func tamperedCheckpoints(signed []byte) [][]byte {
	// The last character of the base64 has bits that stand for nothing.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := len(signed) - len("x=\n")
	same := bytes.Clone(signed)
	same[last] = alphabet[strings.IndexByte(alphabet, same[last])+1]
	all := [][]byte{same, signed[:len(signed)-1], append(bytes.Clone(signed), '\n'), nil}
	for at := 0; at < len(signed); at += 6 {
		all = append(all, flip(signed, at))
	}
	return all
}

func otherKey(t *testing.T) string {
	t.Helper()
	k, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k.Verifier().Text(ledgerName + "/1")
}

// verifyProofs has verify.py check proofs that torchwood wrote.
func verifyProofs(t *testing.T, in *install, lines [][]byte, checkpoint []byte) {
	t.Helper()
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, i := range indexes {
			found = append(found, hashes[i])
		}
		return found, nil
	})
	for i, line := range lines {
		more, err := tlog.StoredHashes(int64(i), bytes.TrimSuffix(line, []byte("\n")), stored)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	var proof []byte
	for _, i := range []int64{0, 1, 511, 512, 767, 991, 992, 998, 999} {
		path, err := tlog.ProveRecord(int64(len(lines)), i, stored)
		if err != nil {
			t.Fatal(err)
		}
		proof = torchwood.FormatProof(i, path, checkpoint)
		in.keep(t, "proof", proof)
		in.keep(t, "line", lines[i])
		if out := in.verifyPy(t, 0, "proof", "proof", exportedKey, "line"); !strings.Contains(out, fmt.Sprintf("entry %s/1/%d ", ledgerName, i)) {
			t.Errorf("verify.py printed %q of entry %d", out, i)
		}
	}
	in.verifyPy(t, 1, "proof", "proof", otherKey(t), "line")
	for at := 0; at < len(proof); at += 7 {
		in.keep(t, "tampered", flip(proof, at))
		in.verifyPy(t, 1, "proof", "tampered", exportedKey, "line")
	}
	for _, at := range []int{0, 40, len(lines[999]) - 2} {
		in.keep(t, "tampered", flip(lines[999], at))
		in.verifyPy(t, 1, "proof", "proof", exportedKey, "tampered")
	}
	in.keep(t, "tampered", lines[998])
	in.verifyPy(t, 1, "proof", "proof", exportedKey, "tampered")
}

// Every log of a running server is exported whole, or not at all.
func TestExportEngines(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.start(t)
		for range 5 {
			readAll(t, p, 7)
		}
		if status, body := post(t, p, "dev-writer", "Piinguin/ReadPiiRecord", `{"modified_value":"123","processing_basis":"CONSENT"}`); status != 403 {
			t.Fatal(body)
		}
		export := func(want int, args ...string) (stdout, stderr string) {
			t.Helper()
			code, stdout, stderr := in.run(t, "piinguin", append([]string{"audit", "export", "--store", in.store}, args...)...)
			if code != want {
				t.Fatalf("audit export %v: exit %d, want %d\n%s%s", args, code, want, stdout, stderr)
			}
			return stdout, stderr
		}
		export(0, "--out", "new/export")
		logs := strings.Fields(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store))
		for i, key := range logs {
			name := "new/export/" + audit.LogID(i).String()
			in.verifyPy(t, 0, "export", name+".jsonl", name+".checkpoint", key)
		}
		whole, checkpoint := export(0, "--out", "-", "--log", "1")
		if whole != string(in.file(t, "new/export/1.jsonl")) || checkpoint != string(in.file(t, "new/export/1.checkpoint")) {
			t.Errorf("--out - wrote other lines or another checkpoint:\n%s%s", whole, checkpoint)
		}
		size := strings.Count(whole, "\n")
		rest, _ := export(0, "--out", "-", "--log", "1", "--from", "3")
		if diff := cmp.Diff(strings.SplitAfterN(whole, "\n", 4)[3], rest); diff != "" {
			t.Errorf("--from 3 (-want +have):\n%s", diff)
		}
		if none, _ := export(0, "--out", "-", "--log", "1", "--from", fmt.Sprint(size)); none != "" {
			t.Errorf("--from the end wrote %q", none)
		}
		export(2, "--log", "1", "--from", fmt.Sprint(size+1), "--out", "none")
		export(2, "--log", "9", "--out", "none")
		export(2, "--from", "-1", "--out", "none")
		export(2, "--from", "1", "--out", "none")
		export(2, "--out", "-")
		p.stop(t)
		row := in.tamper(t)
		if _, stderr := export(2, "--out", "none"); !strings.Contains(stderr, row) {
			t.Errorf("audit export does not name %s: %s", row, stderr)
		}
		exportsNothing(t, in, row, export)
	})
}

// exportsNothing expects no file and no line of the log that holds a bad row.
func exportsNothing(t *testing.T, in *install, row string, export func(int, ...string) (string, string)) {
	t.Helper()
	_, name, _ := strings.Cut(row, " ") // "entry LOG/INDEX" or "page LOG/NUMBER"
	log, _, _ := strings.Cut(name, "/")
	if stdout, _ := export(2, "--out", "-", "--log", log); stdout != "" {
		t.Errorf("lines of a tampered log: %q", stdout)
	}
	left, err := os.ReadDir(filepath.Join(in.dir, "none"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), log+".") || strings.HasPrefix(f.Name(), ".") {
			t.Errorf("a tampered log leaves the file %s", f.Name())
		}
	}
}
