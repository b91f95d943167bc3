package verify_test

import (
	"bytes"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

const formatPage = "../audit-format.md"

var update = flag.Bool("update", false, "write the generated parts of the pages anew")

// example is the ledger of the format's page, in files of a folder.
type example struct {
	key   string
	files map[string][]byte
}

func newExample(t *testing.T) example {
	t.Helper()
	const name = "vault.acme.com/pii"
	var now atomic.Int64
	tick := func() { now.Add(1_234_567) }
	now.Store(time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC).UnixMicro())
	tick()
	m, key := audit.NewMem(), newKey(t, 3)
	l, err := audit.Open(t.Context(), audit.Config{
		Store: m, Key: key, Name: name, Period: 10_000 * time.Hour, Now: func() time.Time { return time.UnixMicro(now.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []audit.Entry{
		{Operation: audit.Create, Outcome: audit.Granted, Caller: "relay", Authentication: "token", Count: 12, RequestID: "r-1"},
		{
			Operation: audit.Read, Outcome: audit.Granted, Caller: "desk", Authentication: "token", Basis: "CONTRACT",
			Purpose: `Rückfrage zu "A\B" </>`, ModifiedValue: "123", RequestID: "r-2",
		},
	} {
		tick()
		if _, err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	tick()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	x := example{key.Verifier().Text(name), map[string][]byte{}}
	for log := range audit.LogID(2) {
		var lines bytes.Buffer
		r, err := audit.Export(t.Context(), m, name, key.Verifier(), log, 0, &lines)
		if err != nil {
			t.Fatal(err)
		}
		x.files[log.String()+".jsonl"], x.files[log.String()+".checkpoint"] = lines.Bytes(), []byte(r.Checkpoint)
	}
	if x.files["proof"], err = audit.ProveEntry(t.Context(), m, 1, 2); err != nil {
		t.Fatal(err)
	}
	if x.files["ledger.kept"], _, err = audit.Keep(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return x
}

// mustGenerate holds the part of a page between its marks to what is generated. With -update it writes it.
func mustGenerate(t *testing.T, page, name, text string) {
	t.Helper()
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->\n"
	before, rest, found := strings.Cut(string(read(t, page)), begin)
	part, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no generated part %s", page, name)
	}
	if *update {
		write(t, page, []byte(before+begin+text+end+after))
		return
	}
	if diff := cmp.Diff(text, part); diff != "" {
		t.Errorf("%s, %s: run go test ./docs/verify -update (-want +got):\n%s", page, name, diff)
	}
}

func indented(text []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if line == "\n" {
			b.WriteString("\n")
			continue
		}
		b.WriteString("    " + line)
	}
	return b.String()
}

// TestFormatExample holds the example of the format's page to what package audit writes, and has
// verify.py verify it.
func TestFormatExample(t *testing.T) {
	x := newExample(t)
	for name, file := range map[string]string{
		"key": "", "lines": "1.jsonl", "spine": "spine.jsonl", "checkpoint": "1.checkpoint", "proof": "proof", "kept": "ledger.kept",
	} {
		data := x.files[file]
		if name == "key" {
			data = []byte(x.key + "\n")
		}
		mustGenerate(t, formatPage, name, indented(data))
	}
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	for name, data := range x.files {
		write(t, at(name), data)
	}
	write(t, at("line"), bytes.Split(x.files["1.jsonl"], []byte("\n"))[2])
	mustSay(t, run(t, 0, "ledger", folder, x.key, at("ledger.kept")), "1 kept files agree")
	run(t, 0, "export", at("1.jsonl"), at("1.checkpoint"), x.key)
	run(t, 0, "proof", at("proof"), x.key, at("line"))
	run(t, 0, "kept", at("ledger.kept"), x.key)
}

// TestFormatCharacters holds the page's list of format characters to the ones that package audit
// refuses, and verify.py to the page.
func TestFormatCharacters(t *testing.T) {
	var ranges []string
	first, last := rune(-1), rune(-2)
	for r := range rune(unicode.MaxRune + 2) {
		is := unicode.Is(unicode.Cf, r)
		switch {
		case is && r != last+1:
			first = r
			fallthrough
		case is:
			last = r
		case first >= 0 && r == last+1:
			if last == first {
				ranges = append(ranges, fmt.Sprintf("U+%04X", first))
			} else {
				ranges = append(ranges, fmt.Sprintf("U+%04X to U+%04X", first, last))
			}
		}
	}
	var text strings.Builder
	width := 0
	for i, r := range ranges {
		if i < len(ranges)-1 {
			r += ", "
		}
		if width += len(r); width > 100 {
			text.WriteString("\n")
			width = len(r)
		}
		text.WriteString(r)
	}
	mustGenerate(t, formatPage, "format characters", strings.ReplaceAll(text.String(), ", \n", ",\n")+"\n")

	program := string(read(t, "verify.py"))
	for _, r := range ranges {
		bounds := strings.Split(strings.ReplaceAll(r, "U+", ""), " to ")
		for i, b := range bounds {
			if len(b) > 4 {
				bounds[i] = `\U000` + strings.Repeat("0", 5-len(b)) + strings.ToLower(b)
			} else {
				bounds[i] = `\u` + strings.ToLower(b)
			}
		}
		if !strings.Contains(program, strings.Join(bounds, "-")) {
			t.Errorf("verify.py does not know %s", r)
		}
	}
	if n := strings.Count(program, "\\u00ad"); n != 1 {
		t.Errorf("verify.py has the list %d times", n)
	}
}
