package main_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

const longSubject = "7d8a4beae5bc9d31abcdefabcdefabcdefabcdefabcdefab"

// readForList makes three reads of two subjects, with the references.
func readForList(t *testing.T, p *process) {
	t.Helper()
	for _, key := range []string{longSubject, "other"} {
		create := &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: key, OriginalValue: canary}}
		if _, err := p.as(t, "writer").CreatePiiRecord(t.Context(), create); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range []string{longSubject, "other", longSubject} {
		read := &piinguinv1.ReadPiiRecordRequest{
			ModifiedValue: key, ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
			Purpose: "send the invoice, again", Reference: fmt.Sprintf("R-%d", i+1),
		}
		if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), read); err != nil {
			t.Fatal(err)
		}
	}
}

// references are the references of the entries that a list prints, newest first.
func (in *install) references(t *testing.T, p *process, args ...string) []string {
	t.Helper()
	out := in.mustRun(t, 0, "piinguin", p.flags("auditor", append([]string{"audit", "list", "--operation", "read", "--json"}, args...)...)...)
	var all []string
	for _, found := range regexp.MustCompile(`"reference":"([^"]*)"`).FindAllStringSubmatch(out, -1) {
		all = append(all, found[1])
	}
	return all
}

func TestListFilters(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		readForList(t, p)
		today := time.Now().UTC().Format(time.DateOnly)
		line := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "list", "--reference", "R-2", "--json")...)
		requestID := regexp.MustCompile(`"request_id":"([^"]*)"`).FindStringSubmatch(line)[1]
		for _, tc := range []struct {
			args, want []string
		}{
			{nil, []string{"R-3", "R-2", "R-1"}},
			{[]string{"--subject", "other", "--subject", longSubject}, []string{"R-3", "R-2", "R-1"}},
			{[]string{"--subject", longSubject, "--reference", "R-1", "--reference", "R-2"}, []string{"R-1"}},
			{[]string{"--purpose", "send the invoice, again"}, []string{"R-3", "R-2", "R-1"}},
			{[]string{"--purpose", "send the invoice"}, nil},
			{[]string{"--request-id", requestID, "--from", today, "--to", today}, []string{"R-2"}},
			{[]string{"--request-id", requestID, "--request-id", "none", "--from", today, "--to", today}, []string{"R-2"}},
			{[]string{"--caller", "nobody", "--caller", "dev-reader", "--basis", "consent", "--basis", "contract"}, []string{"R-3", "R-2", "R-1"}},
			{[]string{"--log", "spine", "--log", "1"}, []string{"R-3", "R-2", "R-1"}},
			{[]string{"--log", "spine"}, nil},
			{[]string{"--operation", "hold"}, []string{"R-3", "R-2", "R-1"}}, // beside the reads
			{[]string{"--log", "1", "--outcome", "denied", "--outcome", "granted"}, []string{"R-3", "R-2", "R-1"}},
			{[]string{"--log", "2"}, nil},
			{[]string{"--outcome", "DENIED"}, nil},
			{[]string{"--from", today, "--to", today}, []string{"R-3", "R-2", "R-1"}}, // unless it is midnight
			{[]string{"--to", "2020-01-01"}, nil},
			{[]string{"--limit", "1", "--reference", "R-1"}, []string{"R-1"}},
		} {
			if diff := cmp.Diff(tc.want, in.references(t, p, tc.args...)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tc.args, diff)
			}
		}
		for _, args := range [][]string{{"--subject", ""}, {"--log", "0"}, {"--log", "piinguin-1"}, {"--request-id", requestID}, {"--request-id", requestID, "--from", today}, {"--request-id", requestID, "--from", "2026-01-01", "--to", "2026-01-02"}, {"--outcome", "NO"}, {"--columns", "time,original"}, {"--before", "x"}, {"--limit", "-1"}, {"--wide", "--columns", "time"}} {
			if code, _, _ := in.run(t, "piinguin", p.flags("auditor", append([]string{"audit", "list"}, args...)...)...); code != 2 {
				t.Errorf("%q: exit %d", args, code)
			}
		}
	})
}

// A reviewer does not find its own questions among the answers, unless it asks for them. Without a server
// nobody asks, and every entry is listed.
func TestListMine(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		readForList(t, p)
		list := func(args ...string) string {
			return in.mustRun(t, 0, "piinguin", p.flags("auditor", append([]string{"audit", "list", "--csv"}, args...)...)...)
		}
		list()
		for _, args := range [][]string{nil, {"--outcome", "granted"}, {"--limit", "0"}, {"--purpose", "send the invoice, again"}} {
			if out := list(args...); strings.Contains(out, "REVIEW") || !strings.Contains(out, "R-1") {
				t.Errorf("%q prints\n%s", args, out)
			}
		}
		for _, args := range [][]string{{"--mine"}, {"--caller", "dev-auditor"}, {"--operation", "review"}, {"--reference", "list hide_own_reviews=true"}} {
			if out := list(args...); !strings.Contains(out, "REVIEW") {
				t.Errorf("%q prints\n%s", args, out)
			}
		}
		if out := in.mustRun(t, 0, "piinguin", "audit", "list", "--csv", "--store", in.store); !strings.Contains(out, "REVIEW") {
			t.Errorf("--store prints\n%s", out)
		}
		if code, _, says := in.run(t, "piinguin", p.flags("auditor", "audit", "list", "--caller", "nobody")...); code != 0 || says != "No entry matches.\n" {
			t.Errorf("a list of nothing: exit %d, %q", code, says)
		}
		if code, _, says := in.run(t, "piinguin", "audit", "list", "--mine", "--store", in.store); code != 2 || !strings.Contains(says, "mine") {
			t.Errorf("--mine with --store: exit %d, %s", code, says)
		}
	})
}

// What a server can be asked for is asked, and its entry says so: the command would have to look through
// every entry.
func TestListAsksTheServer(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		list := func(args ...string) string {
			return in.mustRun(t, 0, "piinguin", p.flags("auditor", append([]string{"audit", "list"}, args...)...)...)
		}
		list("--subject", "s", "--caller", "c", "--basis", "contract", "--operation", "read", "--outcome", "denied", "--from", "2026-01-01",
			"--to", "2026-01-01", "--purpose", "send the invoice", "--reference", "R-1", "--reference", "R-2", "--request-id", "r", "--log", "1", "--log", "spine")
		want := `"modified_value":"s","operation":"REVIEW","outcome":"GRANTED","policy":"auditor-reviews","reference":"list from=2026-01-01T00:00:00Z ` +
			`to=2026-01-02T00:00:00Z callers=c bases=CONTRACT operations=READ outcomes=DENIED purposes=\"send the invoice\" references=R-1,R-2 request_ids=r logs=1,spine"`
		if out := list("--mine", "--json"); !strings.Contains(out, want) {
			t.Errorf("the ledger has\n%s\nwant\n%s", out, want)
		}
	})
}

var place = regexp.MustCompile(`there are older ones. Go on with --before (\S+),`)

// A list that was cut says so, and goes on where it was cut.
func TestListSaysThatItStopped(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		readForList(t, p)
		for _, filter := range [][]string{{"--caller", "dev-reader"}, {"--purpose", "send the invoice, again"}} {
			args := append([]string{"audit", "list", "--csv", "--limit", "2"}, filter...)
			_, out, stderr := in.run(t, "piinguin", p.flags("auditor", args...)...)
			found := place.FindStringSubmatch(stderr)
			if found == nil || !strings.Contains(out, "R-3") || !strings.Contains(out, "R-2") || strings.Contains(out, "R-1") {
				t.Fatalf("%q says %q and prints\n%s", args, stderr, out)
			}
			_, out, stderr = in.run(t, "piinguin", p.flags("auditor", append(args, "--before", found[1])...)...)
			if stderr != "" || !strings.Contains(out, "R-1") || strings.Contains(out, "R-2") {
				t.Errorf("the rest: says %q and prints\n%s", stderr, out)
			}
			for _, limit := range []string{"3", "0"} { // all of them: nothing was cut
				if _, _, stderr := in.run(t, "piinguin", p.flags("auditor", append(args, "--limit", limit)...)...); stderr != "" {
					t.Errorf("--limit %s says %q", limit, stderr)
				}
			}
		}
	})
}

// The spine's entries are listed like all others, the same by a server and from the tables. Those of its
// minutes are listed only if they are asked for.
func TestListSpine(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		readForList(t, p)
		p.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "hold", "--store", in.store, "--audit-key", "piinguin-dev/audit.key", "--reference", "CASE-1")
		p = in.start(t)
		for args, want := range map[string]string{
			"": "HOLD,OPEN", "--log spine": "HOLD,OPEN", "--operation checkpoint": "CHECKPOINT", "--operation hold --operation read": "HOLD", "--log 1": "",
			"--log spine --operation checkpoint --operation open --outcome denied": "",
		} {
			for _, from := range [][]string{p.flags("auditor"), {"--store", in.store}} {
				out := in.mustRun(t, 0, "piinguin", slices.Concat([]string{"audit", "list", "--csv"}, strings.Fields(args), from)...)
				var operations []string
				for _, found := range regexp.MustCompile(`(?m)^"spine","\d+","[^"]*","([A-Z]*)"`).FindAllStringSubmatch(out, -1) {
					operations = append(operations, found[1])
				}
				slices.Sort(operations)
				if got := strings.Join(slices.Compact(operations), ","); got != want {
					t.Errorf("%q %q lists %q of the spine, want %q:\n%s", args, from, got, want, out)
				}
			}
		}
	})
}

// The table fits, tells subjects apart, and repeats no filter.
func TestListFits(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		readForList(t, p)
		list := func(columns string, args ...string) string {
			in.env = append(in.env, "COLUMNS="+columns)
			return in.mustRun(t, 0, "piinguin", append([]string{"audit", "list", "--store", in.store}, args...)...)
		}
		for width, holds := range map[int]string{80: "SUBJECT", 100: "PURPOSE", 140: "BASIS"} {
			columns := strconv.Itoa(width)
			if width == 80 {
				columns = "" // the default
			}
			out := list(columns)
			for line := range strings.Lines(out) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("a line of %d: %s", n, line)
				}
			}
			if !strings.Contains(out, holds) || strings.Contains(out, longSubject) {
				t.Errorf("COLUMNS=%s prints\n%s", columns, out)
			}
		}
		if out := list("140", "--operation", "READ", "--outcome", "GRANTED", "--subject", longSubject); strings.Contains(out, "OPERATION") || strings.Contains(out, "READ") || strings.Contains(out, "SUBJECT") || !strings.Contains(out, "send the invoice, again") {
			t.Errorf("filters are repeated:\n%s", out)
		}
		if out := list("80", "--wide", "--operation", "READ"); !strings.Contains(out, longSubject) || !strings.Contains(out, "OPERATION") || !strings.Contains(out, "POLICY") {
			t.Errorf("--wide prints\n%s", out)
		}
		if out := list("80", "--columns", "reference,caller"); !strings.HasPrefix(out, "REFERENCE") || !hasLine(out, []string{"R-1", "dev-reader"}) || strings.Contains(out, "TIME") {
			t.Errorf("--columns prints\n%s", out)
		}
	})
}
