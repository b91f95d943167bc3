package server_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/store"
)

type dimensions = []piinguinv1.Dimension

var everyDimension = dimensions{
	piinguinv1.Dimension_DAY, piinguinv1.Dimension_CALLER, piinguinv1.Dimension_OPERATION,
	piinguinv1.Dimension_OUTCOME, piinguinv1.Dimension_BASIS, piinguinv1.Dimension_PURPOSE,
}

// summarizeRequest asks for something that every ledger can answer.
func summarizeRequest() *piinguinv1.SummarizeRequest {
	return &piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-28", By: dimensions{piinguinv1.Dimension_CALLER, piinguinv1.Dimension_OPERATION}}
}

// newCounted starts a server whose ledger has entries of four days, from 2026-02-01 on.
func newCounted(t *testing.T) *memServer {
	t.Helper()
	var offset atomic.Int64
	now := func() time.Time { return time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(offset.Load())) }
	v := &memServer{records: &faultyStore{Mem: store.NewMem()}, ledger: audit.NewMem()}
	ledger := audit.Config{Store: v.ledger, AppendTimeout: time.Minute, Now: now}
	v.testServer, _ = newTestServer(t, v.records, ledger)
	v.put(t, "a")
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same entries each time
	for range 120 {
		offset.Add(int64(48 * time.Minute))
		req := readRequest([]string{"a", "b"}[rnd.IntN(2)])
		req.ProcessingBasis, req.Purpose = piinguinv1.LawfulBasisForProcessing(1+rnd.Int32N(3)), []string{"", "support", "CANARY, no"}[rnd.IntN(3)]
		_, _ = v.as(t, []string{"reader", "writer"}[rnd.IntN(2)]).ReadPiiRecord(t.Context(), req)
	}
	return v
}

// counted answers a question in the simplest way.
func counted(entries []audit.Entry, req *piinguinv1.SummarizeRequest) (rows []*piinguinv1.SummaryRow) {
	has := func(d piinguinv1.Dimension) bool { return slices.Contains(req.GetBy(), d) }
	for _, e := range entries {
		day := e.Time.Format(time.DateOnly)
		if e.Operation == audit.Checkpoint || day < req.GetFromDay() || day > req.GetToDay() {
			continue
		}
		r := &piinguinv1.SummaryRow{}
		if has(piinguinv1.Dimension_DAY) {
			r.Day = day
		}
		if has(piinguinv1.Dimension_CALLER) {
			r.Caller = e.Caller
		}
		if has(piinguinv1.Dimension_OPERATION) {
			r.Operation = piinguinv1.Operation(piinguinv1.Operation_value[string(e.Operation)])
		}
		if has(piinguinv1.Dimension_OUTCOME) {
			r.Outcome = piinguinv1.Outcome(piinguinv1.Outcome_value[string(e.Outcome)])
		}
		if has(piinguinv1.Dimension_BASIS) {
			r.Basis = piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[e.Basis])
		}
		if has(piinguinv1.Dimension_PURPOSE) {
			r.Purpose = e.Purpose
		}
		same := slices.IndexFunc(rows, func(o *piinguinv1.SummaryRow) bool { return compareRows(r, o) == 0 })
		if same < 0 {
			same, rows = len(rows), append(rows, r)
		}
		rows[same].Count++
	}
	slices.SortFunc(rows, compareRows)
	return rows
}

// compareRows orders rows by the names of their values.
func compareRows(a, b *piinguinv1.SummaryRow) int {
	key := func(r *piinguinv1.SummaryRow) []string {
		names := []string{r.GetDay(), r.GetCaller(), r.GetOperation().String(), r.GetOutcome().String(), r.GetBasis().String(), r.GetPurpose()}
		if r.GetBasis() == 0 {
			names[4] = "" // as the ledger has it
		}
		return names
	}
	return slices.CompareFunc(key(a), key(b), cmp.Compare[string])
}

// everything returns all entries of the spine and of log 1.
func (v *memServer) everything(t *testing.T) (all []audit.Entry) {
	t.Helper()
	for _, log := range []audit.LogID{audit.Spine, 1} {
		for p, err := range v.ledger.Pages(t.Context(), log, 0) {
			if err != nil {
				t.Fatal(err)
			}
			entries, err := p.Entries()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, entries...)
		}
	}
	return all
}

// TestSummarize holds summaries by every set of dimensions, over some and over all days, to a count of all
// entries. Each is an entry itself, which its receipt names.
func TestSummarize(t *testing.T) {
	v := newCounted(t)
	auditor := v.as(t, "auditor")
	for set := 1; set < 1<<len(everyDimension); set++ {
		req := &piinguinv1.SummarizeRequest{FromDay: "2026-02-02", ToDay: []string{"2026-02-02", "2026-02-04", "2027-02-02"}[set%3]}
		for i, d := range everyDimension {
			if set&(1<<i) != 0 {
				req.By = append(req.By, d)
			}
		}
		if set%2 == 0 {
			slices.Reverse(req.GetBy()) // their order is of no account
		}
		want := counted(v.everything(t), req)
		out, err := auditor.Summarize(t.Context(), req)
		if err != nil {
			t.Fatalf("%v: %v", req, err)
		}
		if diff := gocmp.Diff(want, out.GetRows(), protocmp.Transform()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", req, diff)
		}
		all := v.everything(t)
		e := all[len(all)-1]
		line, err := e.Format()
		if err != nil {
			t.Fatal(err)
		}
		leaf := audit.LeafHash(line)
		if e.Outcome != audit.Granted || e.Index != out.GetReceipt().GetIndex() || string(leaf[:]) != string(out.GetReceipt().GetLeafHash()) {
			t.Errorf("the receipt %v is not of %s", out.GetReceipt(), line)
		}
		v.wantLast(t, audit.Entry{Reference: fmt.Sprintf("summary from=%s to=%s by=%s", req.GetFromDay(), req.GetToDay(), words(req.GetBy()))})
	}
	out, err := auditor.Summarize(t.Context(), &piinguinv1.SummarizeRequest{FromDay: "2020-02-01", ToDay: "2020-02-29", By: everyDimension})
	if err != nil || len(out.GetRows()) != 0 || out.GetReceipt().GetLog() == "" {
		t.Errorf("a month without entries: %v, %v", out, err)
	}
	if strings.Contains(v.log.String(), "CANARY") {
		t.Errorf("the log quotes a purpose:\n%s", v.log)
	}
}

func words(by dimensions) string {
	var names []string
	for _, d := range by {
		names = append(names, d.String())
	}
	return strings.Join(names, ",")
}

// TestSummariesThatAreWrong: the answer names the field.
func TestSummariesThatAreWrong(t *testing.T) {
	v := newMemServer(t, nil)
	one := dimensions{piinguinv1.Dimension_DAY}
	for _, c := range []struct {
		req              *piinguinv1.SummarizeRequest
		reason, argument string
	}{
		{&piinguinv1.SummarizeRequest{ToDay: "2026-02-01", By: one}, "from_day_required", "from_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-01", By: one}, "to_day_required", "to_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-30", ToDay: "2026-03-01", By: one}, "from_day_not_a_day", "from_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-01T00:00:00Z", By: one}, "to_day_not_a_day", "to_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-2-1", ToDay: "2026-02-01", By: one}, "from_day_not_a_day", "from_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "0001-01-01", ToDay: "0001-02-01", By: one}, "from_day_out_of_range", "from_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-02", ToDay: "2026-02-01", By: one}, "to_day_before_from_day", "to_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-01-01", ToDay: "2027-01-02", By: one}, "to_day_out_of_range", "to_day"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-01"}, "by_required", "by"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-01", By: dimensions{0}}, "by_unknown", "by[0]"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-01", By: dimensions{1, 7}}, "by_unknown", "by[1]"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-01", By: dimensions{1, 2, 1}}, "by_duplicate", "by[2]"},
		{&piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-01", By: make(dimensions, 101)}, "by_too_many", "by"},
	} {
		_, err := v.as(t, "auditor").Summarize(t.Context(), c.req)
		wantFailure(t, c.argument, err, twirp.InvalidArgument, c.reason)
		wantArgument(t, err, c.argument)
	}
	if entries := v.entries(t); len(entries) != 0 {
		t.Errorf("%d entries of questions that are none", len(entries))
	}
	for _, days := range [][2]string{{"2026-01-01", "2027-01-01"}, {"9999-12-31", "9999-12-31"}, {"0002-01-01", "0002-01-01"}} {
		if _, err := v.as(t, "auditor").Summarize(t.Context(), &piinguinv1.SummarizeRequest{FromDay: days[0], ToDay: days[1], By: one}); err != nil {
			t.Errorf("%q: %v", days, err)
		}
	}
}
