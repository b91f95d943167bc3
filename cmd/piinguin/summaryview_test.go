package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// The purposes that are not told apart are named in the table, and a column of their own for programs: a
// purpose may be any text.
func TestSummaryViewOfOther(t *testing.T) {
	rows := []audit.SummaryRow{{Purpose: "", Count: 7}, {Purpose: "(all others)", Count: 12345}, {Other: true, Count: 9}}
	by := []audit.Dimension{audit.ByPurpose}
	for want, o := range map[string]summaryFlags{
		"PURPOSE       COUNT\n-                 7\n(all others)  12345\n(all others)      9\n":                                                                             {},
		"\"purpose\",\"other\",\"count\"\n\"\",\"false\",\"7\"\n\"(all others)\",\"false\",\"12345\"\n\"\",\"true\",\"9\"\n":                                               {asCSV: true},
		`{"count":7,"other":false,"purpose":""}` + "\n" + `{"count":12345,"other":false,"purpose":"(all others)"}` + "\n" + `{"count":9,"other":true,"purpose":""}` + "\n": {asJSON: true},
	} {
		var out strings.Builder
		if err := o.print(&out, rows, by, func(string) string { return "" }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestSummaryDays holds which days are asked for.
func TestSummaryDays(t *testing.T) {
	now := time.Date(2026, time.February, 3, 23, 59, 0, 0, time.FixedZone("west", -3600)).UTC() // the 4th
	for want, o := range map[string]summaryFlags{
		"2026-02-01 2026-03-01": {},
		"2024-02-01 2024-03-01": {month: "2024-02"},
		"2025-12-01 2026-01-01": {month: "2025-12"},
		"2026-01-31 2026-02-05": {first: "2026-01-31"},
		"2026-01-31 2026-02-01": {first: "2026-01-31", last: "2026-01-31"},
		"2024-01-01 2025-01-01": {first: "2024-01-01", last: "2024-12-31"},
	} {
		from, to, err := o.days(now)
		if got := from.Format(time.DateOnly) + " " + to.Format(time.DateOnly); err != nil || got != want {
			t.Errorf("%+v: %s, %v, want %s", o, got, err, want)
		}
	}
}
