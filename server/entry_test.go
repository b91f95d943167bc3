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
	at.Store(30 * 24) // another month, so a log is closed and its successor names its checkpoint
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
	out, err := v.as(t, "auditor").ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(out.GetEntries()); n != 9 {
		t.Errorf("%d entries are listed, want 9", n)
	}
	for _, listed := range out.GetEntries() {
		e, err := audit.Parse([]byte(listed.GetLine()))
		if err != nil {
			t.Fatal(err)
		}
		leaf := audit.LeafHash([]byte(listed.GetLine()))
		want := &piinguinv1.Entry{
			Line: listed.GetLine(), LeafHash: leaf[:], Log: e.Log, Index: e.Index, Time: timestamppb.New(e.Time),
			Operation: piinguinv1.Operation(piinguinv1.Operation_value[string(e.Operation)]),
			Outcome:   piinguinv1.Outcome(piinguinv1.Outcome_value[string(e.Outcome)]),
			Reason:    e.Reason, Caller: e.Caller, Authentication: e.Authentication, OnBehalfOf: e.OnBehalfOf,
			Basis: piinguinv1.LawfulBasisForProcessing(piinguinv1.LawfulBasisForProcessing_value[e.Basis]),
			SpecialCategoryCondition: piinguinv1.SpecialCategoryCondition(
				piinguinv1.SpecialCategoryCondition_value[e.Condition]),
			Policy: e.Policy, Purpose: e.Purpose, Reference: e.Reference, ModifiedValue: e.ModifiedValue,
			RequestId: e.RequestID, Count: e.Count, Checkpoint: e.Checkpoint,
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
