package printable

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
)

func TestShorten(t *testing.T) {
	for _, tc := range []struct {
		text  string
		width int
		want  string
	}{
		{"7d8a4beae5bc9d31", 16, "7d8a4beae5bc9d31"}, {"7d8a4beae5bc9d31", 9, "7d8a…9d31"}, {"7d8a4beae5bc9d31", 8, "7d8a…d31"},
		{"東京東京東京", 7, "東…東京"}, {"aaa", 2, "a…"}, {`abcd\u{2028}efgh`, 9, "abcd…efgh"}, {`k\u{2028}=1`, 9, "k…=1"}, {`a\u{1b}bcdefghij`, 12, `a…bcdefghij`},
	} {
		if got := shorten(tc.text, tc.width); got != tc.want {
			t.Errorf("%q in %d: %q, want %q", tc.text, tc.width, got, tc.want)
		}
	}
}

// Columns of one rank are shortened as far as they may, and all shown.
func TestColumnsThatWereChosen(t *testing.T) {
	var out strings.Builder
	columns := []Column{{Name: "A", Cells: []string{"0123456789"}, Min: 4}, {Name: "B", Cells: []string{"0123456789"}}}
	if err := WriteColumns(&out, columns, 3); err != nil || out.String() != "A     B\n01…9  0123456789\n" {
		t.Errorf("%v: %s", err, out.String())
	}
}

// Columns are left out and shortened until the lines fit, and never by more than that.
func TestWriteColumns(t *testing.T) {
	columns := []Column{
		{Name: "TIME", Cells: []string{"2026-11-26", "2026-11-27"}, Rank: 1},
		{Name: "SUBJECT", Cells: []string{"7d8a4beae5bc9d31", "東京東京\x1b"}, Min: 8, Rank: 2},
		{Name: "PURPOSE", Cells: []string{"", "send the invoice"}, Min: 8, Rank: 3},
	}
	for width, want := range map[int]string{
		0: "TIME        SUBJECT           PURPOSE\n" +
			"2026-11-26  7d8a4beae5bc9d31  -\n" +
			"2026-11-27  東京東京\\u{1b}    send the invoice\n",
		34: "TIME        SUBJECT     PURPOSE\n" +
			"2026-11-26  7d8a4…9d31  -\n" +
			"2026-11-27  東京…       send …oice\n",
		30: "TIME        SUBJECT   PURPOSE\n" +
			"2026-11-26  7d8a…d31  -\n" +
			"2026-11-27  東京…     send…ice\n",
		20: "TIME        SUBJECT\n" +
			"2026-11-26  7d8a…d31\n" +
			"2026-11-27  東京…\n",
		5: "TIME\n2026-11-26\n2026-11-27\n",
	} {
		var out strings.Builder
		if err := WriteColumns(&out, columns, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); width >= 10 && n > width {
				t.Errorf("a line of %d in %d: %s", n, width, line)
			}
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}
