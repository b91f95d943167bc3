package server_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestFiltersCombined holds lists with many filters at once, each with some of its values, to a look at every
// entry. They go from page to page.
func TestFiltersCombined(t *testing.T) {
	v := newCounted(t)
	rnd := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same queries each time
	found := 0
	for range 60 {
		all := v.everything(t)
		req := newListRequest(rnd, all)
		var want, got []string
		for _, e := range all {
			if selects(req, e) {
				want = append(want, e.Place().String())
			}
		}
		req.PageSize = 40 + rnd.Int32N(60)
		mine := all[len(all)-1].Index + 1 // from here on log 1 has these lists
		for {
			out, err := v.as(t, "auditor").ListEntries(t.Context(), req)
			if err != nil {
				t.Fatalf("%v: %v", req, err)
			}
			for _, e := range out.GetEntries() {
				if e.GetLog() != "1" || e.GetIndex() < mine {
					got = append(got, fmt.Sprintf("%s/%d", e.GetLog(), e.GetIndex()))
				}
			}
			if req.PageToken = out.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", req, diff)
		}
		found += len(got)
	}
	if found < 1000 {
		t.Errorf("all lists together find %d entries, too few to say anything", found)
	}
}

// newListRequest returns filters of some fields, each with values of some entries.
func newListRequest(rnd *rand.Rand, all []audit.Entry) *piinguinv1.ListEntriesRequest {
	req := &piinguinv1.ListEntriesRequest{HideOwnReviews: rnd.IntN(2) == 0}
	some := func(add func(e audit.Entry)) {
		if rnd.IntN(3) > 0 {
			return
		}
		for range 1 + rnd.IntN(3) {
			add(all[rnd.IntN(len(all))])
		}
	}
	text := func(into *[]string, value func(e audit.Entry) string) {
		some(func(e audit.Entry) {
			if value(e) != "" {
				*into = append(*into, value(e))
			}
		})
	}
	text(&req.Subjects, func(e audit.Entry) string { return e.ModifiedValue })
	text(&req.Callers, func(e audit.Entry) string { return e.Caller })
	text(&req.Purposes, func(e audit.Entry) string { return e.Purpose })
	text(&req.References, func(e audit.Entry) string { return e.Reference })
	text(&req.Logs, func(e audit.Entry) string { return e.Log.String() })
	some(func(e audit.Entry) {
		req.Operations = append(req.Operations, piinguinv1.Operation(piinguinv1.Operation_value[string(e.Operation)]))
	})
	some(func(e audit.Entry) {
		req.Outcomes = append(req.Outcomes, piinguinv1.Outcome(piinguinv1.Outcome_value[string(e.Outcome)]))
	})
	some(func(e audit.Entry) {
		if e.Basis != "" {
			req.Bases = append(req.Bases, piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[e.Basis]))
		}
	})
	if at := all[rnd.IntN(len(all))]; rnd.IntN(3) == 0 {
		req.From, req.To = timestamppb.New(at.Time.Add(-12*time.Hour)), timestamppb.New(at.Time.Add(12*time.Hour))
		if rnd.IntN(3) == 0 {
			req.RequestIds = []string{"none", at.RequestID}
		}
	}
	return req
}

// selects answers a request in the simplest way.
func selects(req *piinguinv1.ListEntriesRequest, e audit.Entry) bool {
	among := func(values []string, value string) bool { return len(values) == 0 || slices.Contains(values, value) }
	operation := piinguinv1.Operation(piinguinv1.Operation_value[string(e.Operation)])
	outcome := piinguinv1.Outcome(piinguinv1.Outcome_value[string(e.Outcome)])
	basis := piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[e.Basis])
	switch {
	case req.GetFrom() != nil && (e.Time.Before(req.GetFrom().AsTime()) || !e.Time.Before(req.GetTo().AsTime())):
		return false
	case req.GetHideOwnReviews() && e.Operation == audit.Review && e.Caller == "dev-auditor":
		return false
	case len(req.GetOperations()) == 0 && e.Operation == audit.Checkpoint, len(req.GetOperations()) > 0 && !slices.Contains(req.GetOperations(), operation):
		return false
	case len(req.GetOutcomes()) > 0 && !slices.Contains(req.GetOutcomes(), outcome), len(req.GetBases()) > 0 && !slices.Contains(req.GetBases(), basis):
		return false
	}
	return among(req.GetSubjects(), e.ModifiedValue) && among(req.GetCallers(), e.Caller) && among(req.GetPurposes(), e.Purpose) &&
		among(req.GetReferences(), e.Reference) && among(req.GetRequestIds(), e.RequestID) && among(req.GetLogs(), e.Log.String())
}
