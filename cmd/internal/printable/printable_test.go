package printable

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// Characters that act on a terminal or are not seen, each with what is shown in its place.
var unseen = map[string]string{
	"\x1b[2J":  `\u{1b}[2J`, // ESC
	"\u009b2J": `\u{9b}2J`,  // CSI, as one C1 control
	"a\r\nb":   `a\u{d}\u{a}b`, "a\tb": `a\u{9}b`, "\x00\x7f": `\u{0}\u{7f}`,
	"a\u0085b\u2028c\u2029": `a\u{85}b\u{2028}c\u{2029}`, // line ends of Unicode
	"\u202egpj.exe":         `\u{202e}gpj.exe`,           // right-to-left override
	"\u2066\u200f\u061c":    `\u{2066}\u{200f}\u{61c}`,
	"\ufeffa\u200bb\u2060":  `\u{feff}a\u{200b}b\u{2060}`,
	"\u00ad\u00a0\u3164":    `\u{ad}\u{a0}\u{3164}`,
	"\U000e0041":            `\u{e0041}`, // a tag
	"a\xffb":                `a\x{ff}b`,
	"\ue000\ufffe":          `\u{e000}\u{fffe}`,
}

// seen shows as it is.
const seen = `jürgen 東京 कि 👍 "a" \ 'b' — <x>`

func TestText(t *testing.T) {
	for in, want := range unseen {
		if got := Text(in); got != want {
			t.Errorf("%q is shown as %s, want %s", in, got, want)
		}
		if got := Text(Text(in)); got != want {
			t.Errorf("%q is shown as %s when escaped twice", in, got)
		}
	}
	if got := Text(seen); got != seen {
		t.Errorf("%s became %s", seen, got)
	}
}

func TestWriterKeepsLines(t *testing.T) {
	var out strings.Builder
	w := NewWriter(&out)
	if n, err := fmt.Fprintf(w, "a\t%s\n", "\x1b\r東"); n != 8 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := fmt.Fprint(Raw(w), "\x1b"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff("a\t"+`\u{1b}\u{d}東`+"\n\x1b", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if Raw(&out) != &out {
		t.Error("Raw of another writer is not that writer")
	}
}

// Canonical gives a line back, escapes of its own included.
func TestCanonical(t *testing.T) {
	for _, line := range []string{
		`{"a":"` + "\u2028\u202e\x7f\U000e0041\u3164 東" + `"}`, `{"a":"\u001f\\u2028\"\n\\"}`, `\\\u0007`,
	} {
		if got := string(Canonical(JSON([]byte(line)))); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

// JSON means the same, and every character of it is seen.
func TestJSON(t *testing.T) {
	all := []string{seen}
	for in := range unseen {
		all = append(all, strings.ToValidUTF8(in, "?"))
	}
	var got []string
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	// encoding/json escapes some of them itself; RFC 8785 and protojson do not.
	text = []byte(strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029", `\u007f`, "\x7f").Replace(string(text)))
	safe := JSON(append(text, '\n'))
	if err := json.Unmarshal(safe, &got); err != nil {
		t.Fatalf("%v: %s", err, safe)
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	hidden := func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' || r == '\u3164' }
	if i := strings.IndexFunc(string(safe), hidden); i >= 0 {
		t.Errorf("not seen: %q", safe[i:])
	}
	var out strings.Builder
	if n, err := (JSONWriter{&out}).Write([]byte("\"\u009b\"\n")); n != 5 || err != nil || out.String() != `"\u009b"`+"\n" {
		t.Errorf("%d, %v: %q", n, err, out.String())
	}
}

func TestCSV(t *testing.T) {
	rows := map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a",
		" =1": " '=1", "\t=1": `\u{9}'=1`, "a;=1": "a;'=1", "a; =1;+2": "a; '=1;'+2", "a,@b": "a,'@b", "a\t=1": `a\u{9}'=1`, "a\n-1": `a\u{a}'-1`,
		"\u3000=1": `\u{3000}'=1`,
		"a=1":      "a=1", "2026-01-31": "2026-01-31", "a;b": "a;b", `a"b`: `a"b`, "": "", "\x1b\u2028": `\u{1b}\u{2028}`,
	}
	for in, want := range rows {
		var out strings.Builder
		if err := WriteCSV(&out, [][]string{{in, "x"}}); err != nil {
			t.Fatal(err)
		}
		got, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if diff := cmp.Diff([][]string{{want, "x"}}, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", in, err, diff)
		}
		if !strings.HasPrefix(out.String(), `"`) || !strings.HasSuffix(out.String(), "\",\"x\"\n") {
			t.Errorf("%q: not all cells are quoted: %s", in, out.String())
		}
	}
}
