package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// Long values lose their middle before a column is left out, the place of the entry stays whole, and the
// subject is left out last.
func TestListViewByWidth(t *testing.T) {
	var entries []audit.Entry
	for i, caller := range []string{"dev-reader", "spiffe://acme.com/support/desk"} {
		entries = append(entries, audit.Entry{
			Log: audit.LogID(i + 1), Index: int64(1234567 + i), Time: time.Date(2026, 11, 26, 9, 8, i, 0, time.UTC),
			Operation: audit.Read, Outcome: audit.Granted, Caller: caller, Basis: "CONTRACT", Purpose: "send the invoice", Reference: "R-1",
			ModifiedValue: strings.Repeat(fmt.Sprintf("%d7d8a4beae5bc9d", i), 4),
		})
	}
	for width, want := range map[string]string{
		"140": `
TIME                  OPERATION  OUTCOME  CALLER                   BASIS     SUBJECT                  PURPOSE           REFERENCE  ENTRY
2026-11-26T09:08:00Z  READ       GRANTED  dev-reader               CONTRACT  07d8a4beae5…a4beae5bc9d  send the invoice  R-1        1/1234567
2026-11-26T09:08:01Z  READ       GRANTED  spiffe://ac…upport/desk  CONTRACT  17d8a4beae5…a4beae5bc9d  send the invoice  R-1        2/1234568
`,
		"100": `
TIME                  OPERATION  OUTCOME  CALLER       SUBJECT      PURPOSE     REFERENCE  ENTRY
2026-11-26T09:08:00Z  READ       GRANTED  dev-reader   07d8a…5bc9d  send …oice  R-1        1/1234567
2026-11-26T09:08:01Z  READ       GRANTED  spiff…/desk  17d8a…5bc9d  send …oice  R-1        2/1234568
`,
		"80": `
TIME                  OPERATION  OUTCOME  CALLER        SUBJECT        ENTRY
2026-11-26T09:08:00Z  READ       GRANTED  dev-reader    07d8a4…e5bc9d  1/1234567
2026-11-26T09:08:01Z  READ       GRANTED  spiffe…/desk  17d8a4…e5bc9d  2/1234568
`,
		"60": `
TIME                  OPERATION  OUTCOME  SUBJECT
2026-11-26T09:08:00Z  READ       GRANTED  07d8a4bea…eae5bc9d
2026-11-26T09:08:01Z  READ       GRANTED  17d8a4bea…eae5bc9d
`,
		"12": `
SUBJECT
07d8a4…5bc9d
17d8a4…5bc9d
`,
	} {
		var out strings.Builder
		if err := (&listView{}).print(&out, entries, question{}, func(string) string { return width }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, "\n"+out.String()); diff != "" {
			t.Errorf("COLUMNS=%s (-want +got):\n%s", width, diff)
		}
	}
	var out strings.Builder
	chosen := listView{columns: []string{"outcome", "subject"}}
	if err := chosen.print(&out, entries[:1], question{}, func(string) string { return "12" }); err != nil || out.String() != "OUTCOME  SUBJECT\nGRANTED  07d8…bc9d\n" {
		t.Errorf("--columns outcome,subject: %v\n%s", err, &out)
	}
}
