package server_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

type (
	listRequest = piinguinv1.ListEntriesRequest
	bases       = []piinguinv1.LawfulBasisForProcessing
	operations  = []piinguinv1.Operation
	outcomes    = []piinguinv1.Outcome
)

// TestFilters: each filter selects what it says, with one value and with several, and the entry of the query
// says which were set.
func TestFilters(t *testing.T) {
	var at hours
	v := newReviewed(t, &at)
	requestID := v.entries(t)[2].RequestID
	from, to := timestamppb.New(hour(0)), timestamppb.New(hour(24))
	day := "list from=2026-02-03T00:00:00Z to=2026-02-04T00:00:00Z "
	for _, c := range []struct {
		req       *listRequest
		want      []string // without the entries of these queries
		reference string
	}{
		{&listRequest{From: timestamppb.New(hour(3))}, []string{deniedB, deleteA}, "list from=2026-02-03T03:00:00Z"},
		{&listRequest{To: timestamppb.New(hour(3))}, []string{readB, readA, opened, opened}, "list to=2026-02-03T03:00:00Z"},
		{&listRequest{From: timestamppb.New(hour(2)), To: timestamppb.New(hour(3))}, []string{readB},
			"list from=2026-02-03T02:00:00Z to=2026-02-03T03:00:00Z"},
		{&listRequest{Subjects: []string{"a"}}, []string{deleteA, readA}, "list"},
		{&listRequest{Subjects: []string{"a", "b", "c"}}, []string{deniedB, deleteA, readB, readA}, "list subjects=a,b,c"},
		{&listRequest{Callers: []string{"dev-eraser"}}, []string{deniedB, deleteA}, "list callers=dev-eraser"},
		{&listRequest{Callers: []string{"dev-eraser", "dev-reader", "dev-eraser"}}, []string{deniedB, deleteA, readB, readA},
			"list callers=dev-eraser,dev-reader,dev-eraser"},
		{&listRequest{Bases: bases{piinguinv1.LawfulBasisForProcessing_CONSENT}}, []string{readB}, "list bases=CONSENT"},
		{&listRequest{Bases: bases{piinguinv1.LawfulBasisForProcessing_CONSENT, piinguinv1.LawfulBasisForProcessing_CONTRACT}}, []string{deniedB, readB, readA},
			"list bases=CONSENT,CONTRACT"},
		{&listRequest{Operations: operations{piinguinv1.Operation_DELETE}}, []string{deleteA}, "list operations=DELETE"},
		{&listRequest{Operations: operations{piinguinv1.Operation_DELETE, piinguinv1.Operation_OPEN}}, []string{deleteA, opened, opened}, "list operations=DELETE,OPEN"},
		{&listRequest{Operations: operations{piinguinv1.Operation_CHECKPOINT}, From: from, To: timestamppb.New(hour(1))}, []string{"CHECKPOINT GRANTED"},
			"list from=2026-02-03T00:00:00Z to=2026-02-03T01:00:00Z operations=CHECKPOINT"},
		{&listRequest{Outcomes: outcomes{piinguinv1.Outcome_DENIED}}, []string{deniedB}, "list outcomes=DENIED"},
		{&listRequest{Outcomes: outcomes{piinguinv1.Outcome_DENIED, piinguinv1.Outcome_NOT_FOUND}}, []string{deniedB, readB}, "list outcomes=DENIED,NOT_FOUND"},
		{&listRequest{Purposes: []string{`send "it" operation=READ`}}, []string{readB}, `list purposes="send \"it\" operation=READ"`},
		{&listRequest{Purposes: []string{"a,b", `send "it" operation=READ`}}, []string{readB}, `list purposes="a,b","send \"it\" operation=READ"`},
		{&listRequest{References: []string{"T-2"}}, []string{readB}, "list references=T-2"},
		{&listRequest{References: []string{"T-1", "T-2"}}, []string{deniedB, readB, readA}, "list references=T-1,T-2"},
		{&listRequest{RequestIds: []string{requestID}, From: from, To: to}, []string{deleteA}, day + "request_ids=" + requestID},
		{&listRequest{RequestIds: []string{"r", requestID}, From: from, To: to}, []string{deleteA}, day + "request_ids=r," + requestID},
		{&listRequest{Logs: []string{"spine"}}, []string{opened}, "list logs=spine"},
		{&listRequest{Logs: []string{"1", "64"}}, []string{deniedB, deleteA, readB, readA, opened}, "list logs=1,64"},
		{&listRequest{HideOwnReviews: true}, []string{deniedB, deleteA, readB, readA, opened, opened}, "list hide_own_reviews=true"},
		{&listRequest{Subjects: []string{"b", "a"}, Callers: []string{"dev-reader"}, Outcomes: outcomes{piinguinv1.Outcome_NOT_FOUND, piinguinv1.Outcome_DENIED}, Logs: []string{"1"}},
			[]string{readB}, "list subjects=b,a callers=dev-reader outcomes=NOT_FOUND,DENIED logs=1"},
		{&listRequest{Subjects: []string{"a"}, Outcomes: outcomes{piinguinv1.Outcome_DENIED}}, nil, "list outcomes=DENIED"},
	} {
		out, err := v.as(t, "auditor").ListEntries(t.Context(), c.req)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range out.GetEntries() {
			if e.GetOperation() != piinguinv1.Operation_REVIEW {
				got = append(got, strings.TrimSpace(e.GetOperation().String()+" "+e.GetOutcome().String()+" "+e.GetModifiedValue()))
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reference, diff)
		}
		subject := ""
		if len(c.req.GetSubjects()) == 1 {
			subject = c.req.GetSubjects()[0]
		}
		v.wantLast(t, audit.Entry{Reference: c.reference, ModifiedValue: subject})
	}
}

// wantLast holds that the newest entry is a REVIEW with the reference and the subject of want.
func (v *memServer) wantLast(t *testing.T, want audit.Entry) {
	t.Helper()
	all := v.everything(t)
	e := all[len(all)-1]
	if e.Operation != audit.Review || e.Reference != want.Reference || e.ModifiedValue != want.ModifiedValue {
		t.Errorf("the entry is %s %q %q, want REVIEW %q %q", e.Operation, e.Reference, e.ModifiedValue, want.Reference, want.ModifiedValue)
	}
}

// TestFiltersThatAreWrong: the answer names the field, and the value of a list.
func TestFiltersThatAreWrong(t *testing.T) {
	v := newMemServer(t, nil)
	many := make([]string, 101)
	for i := range many {
		many[i] = "1"
	}
	from, to := timestamppb.New(hour(0)), timestamppb.New(hour(24))
	late := timestamppb.New(hour(24).Add(time.Microsecond))
	for _, c := range []struct {
		req              *listRequest
		reason, argument string
	}{
		{&listRequest{PageSize: 501}, "page_size_out_of_range", "page_size"},
		{&listRequest{PageSize: -1}, "page_size_out_of_range", "page_size"},
		{&listRequest{PageToken: "rubbish"}, "page_token_unknown", "page_token"},
		{&listRequest{Outcomes: outcomes{1, 99}}, "outcomes_unknown", "outcomes[1]"},
		{&listRequest{Outcomes: outcomes{0}}, "outcomes_unknown", "outcomes[0]"},
		{&listRequest{Operations: operations{16}}, "operations_unknown", "operations[0]"},
		{&listRequest{Operations: operations{-1}}, "operations_unknown", "operations[0]"},
		{&listRequest{Bases: bases{0}}, "bases_unknown", "bases[0]"},
		{&listRequest{Bases: bases{7}}, "bases_unknown", "bases[0]"},
		{&listRequest{Subjects: []string{"a", ""}}, "subjects_required", "subjects[1]"},
		{&listRequest{Subjects: []string{strings.Repeat("a", 2049)}}, "subjects_too_long", "subjects[0]"},
		{&listRequest{Callers: []string{""}}, "callers_required", "callers[0]"},
		{&listRequest{Callers: []string{strings.Repeat("a", 257)}}, "callers_too_long", "callers[0]"},
		{&listRequest{Purposes: []string{"\n"}}, "purposes_control_character", "purposes[0]"},
		{&listRequest{Purposes: []string{""}}, "purposes_required", "purposes[0]"},
		{&listRequest{References: []string{"", "r"}}, "references_required", "references[0]"},
		{&listRequest{RequestIds: []string{""}, From: from, To: to}, "request_ids_required", "request_ids[0]"},
		{&listRequest{Logs: []string{"1", "65"}}, "logs_not_a_log", "logs[1]"},
		{&listRequest{Logs: []string{""}}, "logs_required", "logs[0]"},
		{&listRequest{Subjects: many}, "subjects_too_many", "subjects"},
		{&listRequest{Callers: many}, "callers_too_many", "callers"},
		{&listRequest{Bases: make(bases, 101)}, "bases_too_many", "bases"},
		{&listRequest{Operations: make(operations, 101)}, "operations_too_many", "operations"},
		{&listRequest{Outcomes: make(outcomes, 101)}, "outcomes_too_many", "outcomes"},
		{&listRequest{Purposes: many}, "purposes_too_many", "purposes"},
		{&listRequest{References: many}, "references_too_many", "references"},
		{&listRequest{RequestIds: many, From: from, To: to}, "request_ids_too_many", "request_ids"},
		{&listRequest{Logs: many}, "logs_too_many", "logs"},
		{&listRequest{RequestIds: []string{"r"}}, "request_ids_window", "request_ids"},
		{&listRequest{RequestIds: []string{"r"}, From: from}, "request_ids_window", "request_ids"},
		{&listRequest{RequestIds: []string{"r"}, To: to}, "request_ids_window", "request_ids"},
		{&listRequest{RequestIds: []string{"r"}, From: from, To: late}, "request_ids_window", "request_ids"},
		{&listRequest{From: from, To: from}, "to_not_after_from", "to"},
		{&listRequest{From: to, To: from}, "to_not_after_from", "to"},
	} {
		_, err := v.as(t, "auditor").ListEntries(t.Context(), c.req)
		wantFailure(t, c.argument, err, twirp.InvalidArgument, c.reason)
		wantArgument(t, err, c.argument)
	}
	if entries := v.entries(t); len(entries) != 0 {
		t.Errorf("%d entries of queries that are none", len(entries))
	}
	if _, err := v.as(t, "auditor").ListEntries(t.Context(), &listRequest{Subjects: many[:100], Callers: many[:100], RequestIds: many[:100], From: from, To: to}); err != nil {
		t.Errorf("filters with 100 values: %v", err)
	}
}

// TestListsOfBodies: a list that is too long is refused before it is decoded, in either format, and so is a
// number that the decoder would cut.
func TestListsOfBodies(t *testing.T) {
	s := newMemServer(t, nil)
	numbers := func(n int) string { return strings.Repeat("\x01", n) }
	for what, c := range map[string]struct{ contentType, body, reason string }{
		"JSON":                 {"application/json", `{"callers":["` + strings.Repeat(`a","`, 100) + `a"]}`, `"callers_too_many"`},
		"texts":                {"application/protobuf", strings.Repeat("\x22\x01a", 101), `"callers_too_many"`},
		"two lists":            {"application/protobuf", strings.Repeat("\x22\x01a", 100) + strings.Repeat("\x1a\x01a", 100), `"entries"`},
		"packed numbers":       {"application/protobuf", "\x32\x65" + numbers(101), `"operations_too_many"`},
		"packed twice":         {"application/protobuf", "\x32\x40" + numbers(64) + "\x32\x40" + numbers(64), `"operations_too_many"`},
		"numbers":              {"application/protobuf", strings.Repeat("\x30\x01", 101), `"operations_too_many"`},
		"100 numbers":          {"application/protobuf", "\x32\x64" + numbers(100), `"entries"`},
		"a packed 2^32+1":      {"application/protobuf", "\x32\x05\x81\x80\x80\x80\x10", `"operations_unknown"`},
		"2^32+1":               {"application/protobuf", "\x30\x81\x80\x80\x80\x10", `"operations_unknown"`},
		"a packed 16":          {"application/protobuf", "\x32\x02\x01\x10", `"operations_unknown"`},
		"a packed half number": {"application/protobuf", "\x32\x02\x01\x80", `"not_protobuf"`},
	} {
		_, answer := s.sendAs(t, c.contentType, "POST", "/twirp/piinguin.v1.Audit/ListEntries", "dev-auditor", strings.NewReader(c.body))
		if c.reason == `"entries"` && !strings.Contains(answer, `"reason"`) {
			continue
		}
		if !strings.Contains(answer, c.reason) {
			t.Errorf("%s: %s", what, answer)
		}
	}
}

// TestFiltersThatAreLong: a query with the longest filters has an entry, and it says which they were.
func TestFiltersThatAreLong(t *testing.T) {
	v := newMemServer(t, nil)
	long := func(n int) string { return strings.Repeat(`"`, n) }
	hash := func(values ...string) string {
		return fmt.Sprintf("sha256(%x)", sha256.Sum256([]byte(strings.Join(values, "\n"))))
	}
	from, to := timestamppb.New(hour(0).Add(123456789)), timestamppb.New(hour(1).Add(123456789))
	window := " from=2026-02-03T00:00:00.123456789Z to=2026-02-03T01:00:00.123456789Z"
	p499, p500, p300, r301 := strings.Repeat("p", 499), strings.Repeat("p", 500), strings.Repeat("p", 300), strings.Repeat("r", 301)
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("caller-%d", i)
	}
	all := operations{}
	for n := range piinguinv1.Operation_name {
		if n != 0 {
			all = append(all, piinguinv1.Operation(n))
		}
	}
	for _, c := range []struct {
		req  *listRequest
		want string
	}{
		{&listRequest{Purposes: []string{p499[1:]}}, "list purposes=" + p499[1:]},
		{&listRequest{Purposes: []string{p500}}, "list purposes=" + hash(p500)},
		{&listRequest{Purposes: []string{p300}, References: []string{r301}}, "list purposes=" + p300 + " references=" + hash(r301)},
		{&listRequest{References: []string{hash("")}}, `list references="` + hash("") + `"`}, // none passes for a hash
		{&listRequest{Callers: names}, "list callers=" + hash(names...)},
		{&listRequest{Subjects: []string{p500, r301}}, "list subjects=" + hash(p500, r301)},
		{&listRequest{Subjects: []string{"\u200b", "\u202e,x"}}, `list subjects="\u200b","\u202e,x"`}, // a pseudonym may have what a reference may not
		{&listRequest{From: from, To: to, Callers: []string{long(256)}, Purposes: []string{long(512)}, References: []string{long(512)}},
			"list" + window + " callers=" + hash(long(256)) + " purposes=" + hash(long(512)) + " references=" + hash(long(512))},
		{&listRequest{
			From: from, To: to, Subjects: []string{"a", long(2048)}, Callers: names, Bases: bases{6, 5, 4, 3, 2, 1}, Operations: operations{1, 2, 3},
			Outcomes: outcomes{1, 2, 3, 4}, Purposes: []string{long(512)}, References: []string{long(512)}, RequestIds: []string{long(64)},
			Logs: []string{"spine", "1", "2"}, HideOwnReviews: true,
		}, "list" + window + " operations=READ,DELETE,CREATE outcomes=GRANTED,DENIED,NOT_FOUND,ERROR logs=spine,1,2 hide_own_reviews=true subjects,callers,bases,purposes,references,request_ids=" + hash(
			`subjects=a,"`+strings.Repeat(`\"`, 2048)+`"`, "callers="+strings.Join(names, ","),
			"bases=LEGITIMATE_INTERESTS,PUBLIC_TASK,VITAL_INTERESTS,LEGAL_OBLIGATION,CONTRACT,CONSENT",
			`purposes="`+strings.Repeat(`\"`, 512)+`"`, `references="`+strings.Repeat(`\"`, 512)+`"`, `request_ids="`+strings.Repeat(`\"`, 64)+`"`)},
	} {
		if _, err := v.as(t, "auditor").ListEntries(t.Context(), c.req); err != nil {
			t.Errorf("%v: %v", c.req, err)
		}
		v.wantLast(t, audit.Entry{Reference: c.want})
	}
	if _, err := v.as(t, "auditor").ListEntries(t.Context(), &listRequest{
		From: from, To: to, Subjects: names, Callers: names, Bases: make(bases, 0), Operations: all, Purposes: names, References: names, RequestIds: names,
		Logs: strings.Split(strings.Repeat("64,", 99)+"64", ","), HideOwnReviews: true,
	}); err != nil {
		t.Errorf("all filters with all values: %v", err)
	}
}
