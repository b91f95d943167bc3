package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestFieldsAreTheLines: an entry that is listed or got has in its fields what its line says.
func TestFieldsAreTheLines(t *testing.T) {
	var at hours
	v := newReviewed(t, &at)
	if _, err := v.as(t, "writer").CreatePiiRecords(t.Context(), &piinguinv1.CreatePiiRecordsRequest{
		PiiRecords: []*piinguinv1.PiiRecord{{ModifiedValue: "x"}, {ModifiedValue: "y"}}, Reference: "R-9",
	}); err != nil {
		t.Fatal(err)
	}
	req := readRequest("x")
	req.SpecialCategoryCondition = piinguinv1.SpecialCategoryCondition_ART9_HEALTH_CARE
	if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	var all []*piinguinv1.Entry
	for _, operations := range [][]piinguinv1.Operation{nil, {piinguinv1.Operation_CHECKPOINT}} { // those only if they are named
		out, err := v.as(t, "auditor").ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Operations: operations})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.GetEntries()...)
	}
	if n := len(all); n != 7+2 {
		t.Errorf("%d entries are listed, want 9", n)
	}
	for _, listed := range all {
		e, err := audit.Parse([]byte(listed.GetLine()))
		if err != nil {
			t.Fatal(err)
		}
		leaf := audit.LeafHash([]byte(listed.GetLine()))
		want := &piinguinv1.Entry{
			Line: listed.GetLine(), LeafHash: leaf[:], Ledger: e.Ledger, Log: e.Log.String(), Index: e.Index, Time: timestamppb.New(e.Time),
			Operation: piinguinv1.Operation(piinguinv1.Operation_value[string(e.Operation)]),
			Outcome:   piinguinv1.Outcome(piinguinv1.Outcome_value[string(e.Outcome)]),
			Reason:    e.Reason, Caller: e.Caller, Authentication: e.Authentication, OnBehalfOf: e.OnBehalfOf,
			Basis: piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[e.Basis]),
			SpecialCategoryCondition: piinguinv1.SpecialCategoryCondition(
				piinguinv1.SpecialCategoryCondition_value[e.Condition]),
			Policy: e.Policy, Purpose: e.Purpose, Reference: e.Reference, ModifiedValue: e.ModifiedValue,
			RequestId: e.RequestID, Count: e.Count, Checkpoint: e.Checkpoint, About: e.About, Detail: e.Detail,
		}
		got, err := v.as(t, "auditor").GetEntry(t.Context(), &piinguinv1.GetEntryRequest{Log: listed.GetLog(), Index: listed.GetIndex()})
		if err != nil {
			t.Fatal(err)
		}
		for how, entry := range map[string]*piinguinv1.Entry{"listed": listed, "got": got.GetEntry()} {
			if diff := cmp.Diff(want, entry, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", how, diff)
			}
		}
	}
}
