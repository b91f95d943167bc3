package printable

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// FuzzShown: whatever data holds, what is shown of it stays on its line and acts on nothing; as JSON it
// means the same, and as CSV it is one cell and no formula.
func FuzzShown(f *testing.F) {
	f.Add(seen)
	for text := range unseen {
		f.Add(text)
	}
	f.Add("=1+1")
	f.Add("a;=1")
	f.Add("\u00a0\t-1\u202e")
	f.Add(strings.Repeat("\u200b", 1<<14)) // took minutes while the time went with the square of the length
	f.Fuzz(func(t *testing.T, s string) {
		shown := Text(s)
		acts := func(r rune) bool { return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) }
		if strings.ContainsFunc(shown, acts) {
			t.Errorf("%q is shown as %q", s, shown)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		safe := JSON(text)
		if strings.ContainsFunc(string(safe), acts) {
			t.Errorf("%s is written as %q", text, safe)
		}
		var before, after string
		if json.Unmarshal(text, &before) != nil || json.Unmarshal(safe, &after) != nil || before != after {
			t.Errorf("%s and %s mean different things", text, safe)
		}
		var out bytes.Buffer
		if err := WriteCSV(&out, [][]string{{s, "end"}}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 || rows[0][1] != "end" || formula.MatchString(rows[0][0]) {
			t.Errorf("%q as CSV: %q, %v", s, rows, err)
		}
		var table bytes.Buffer
		if err := WriteColumns(&table, []Column{{Name: "A", Cells: []string{s}, Min: 4}, {Name: "B", Cells: []string{"end"}}}, 40); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(2, strings.Count(table.String(), "\n")); diff != "" {
			t.Errorf("the table has rows (-want +got):\n%s", diff)
		}
	})
}
