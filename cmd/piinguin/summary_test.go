package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// A summary counts what a list finds, the same by a server and from the tables.
func TestSummary(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		readForList(t, p)
		// Of a server each summary is an entry, so the tables are asked first.
		both := func(args ...string) string {
			t.Helper()
			args = append([]string{"audit", "summary"}, args...)
			direct := in.mustRun(t, 0, "piinguin", append(args[:len(args):len(args)], "--store", in.store)...)
			if diff := cmp.Diff(direct, in.mustRun(t, 0, "piinguin", p.flags("auditor", args...)...)); diff != "" {
				t.Errorf("%q from the tables (-) and by the server (+):\n%s", args, diff)
			}
			return direct
		}
		today := time.Now().UTC().Format(time.DateOnly) // unless it is midnight
		if out := both(); !hasLine(out, []string{today, "READ", "    3"}) || !hasLine(out, []string{"DAY", "OPERATION", "COUNT"}) || strings.Contains(out, "CHECKPOINT") {
			t.Errorf("without flags:\n%s", out)
		}
		for _, c := range []struct{ args, holds string }{
			{"--by caller,basis --month " + today[:7], "dev-reader   CONTRACT      3\n"},
			{"--by BASIS --by Caller --from " + today, "dev-reader   CONTRACT      3\n"},
			{"--by caller,operation,outcome --csv --from " + today + " --to " + today, `"dev-reader","READ","GRANTED","false","3"` + "\n"},
			{"--by purpose --csv", "\"purpose\",\"other\",\"count\"\n"},
			{"--by purpose --csv", `"send the invoice, again","false","3"` + "\n"},
			{"--by purpose,day --json", `{"count":3,"day":"` + today + `","other":false,"purpose":"send the invoice, again"}` + "\n"},
			{"--by caller,operation --json", `{"caller":"dev-auditor","count":`},
		} {
			if out := both(strings.Fields(c.args)...); !strings.Contains(out, c.holds) || strings.Contains(out, canary) {
				t.Errorf("%s prints\n%s\nwant %q", c.args, out, c.holds)
			}
		}
		for _, from := range [][]string{p.flags("auditor"), {"--store", in.store}} {
			code, out, says := in.run(t, "piinguin", slices.Concat([]string{"audit", "summary", "--month", "2020-02"}, from)...)
			if code != 0 || out != "DAY  OPERATION  COUNT\n" || says != "No entries from 2020-02-01 to 2020-02-29.\n" {
				t.Errorf("a summary of nothing: exit %d, prints %q, says %q", code, out, says)
			}
		}
		list := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "list", "--mine", "--csv")...)
		if !strings.Contains(list, `"summary from=2020-02-01 to=2020-02-29 by=DAY,OPERATION"`) {
			t.Errorf("no entry says what was asked:\n%s", list)
		}
		if code, _, says := in.run(t, "piinguin", p.flags("reader", "audit", "summary")...); code != 2 || !strings.Contains(says, "permission_denied") {
			t.Errorf("a reader's summary: exit %d, %s", code, says)
		}
		if code, _, says := in.run(t, "piinguin", "audit", "summary"); code != 2 || !strings.Contains(says, "an auditor's credential is required") {
			t.Errorf("nobody's summary: exit %d, %s", code, says)
		}
	})
}

// The table fits, and leaves out no column.
func TestSummaryFits(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		readForList(t, p)
		in.env = append(in.env, "COLUMNS=")
		all := []string{"audit", "summary", "--store", in.store, "--by", "purpose,basis,outcome,operation,caller,day"}
		out := in.mustRun(t, 0, "piinguin", all...)
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("a line of %d: %s", n, line)
			}
		}
		if !hasLine(out, []string{"DAY", "CALLER", "OPERATION", "OUTCOME", "BASIS", "PURPOSE", "COUNT"}) || !strings.Contains(out, "…") {
			t.Errorf("it prints\n%s", out)
		}
		if out := in.mustRun(t, 0, "piinguin", append(all, "--wide")...); !strings.Contains(out, "send the invoice, again") {
			t.Errorf("--wide prints\n%s", out)
		}
	})
}
