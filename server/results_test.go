package server_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// outcomer is a result of a batch.
type outcomer interface {
	GetError() *piinguinv1.Error
	GetReceipt() *piinguinv1.AuditReceipt
}

// inWords returns each result as its error's reason, or as the operation and key of the entry
// that its receipt names.
func inWords[R outcomer](t *testing.T, v *memServer, results []R) []string {
	t.Helper()
	words := make([]string, len(results))
	for i, r := range results {
		if words[i] = r.GetError().GetReason(); r.GetReceipt() == nil {
			continue
		}
		e, err := audit.OpenIndex(v.ledger).Entry(t.Context(), 1, r.GetReceipt().GetIndex())
		if err != nil {
			t.Fatal(err)
		}
		line, err := e.Format()
		if err != nil {
			t.Fatal(err)
		}
		leaf := audit.LeafHash(line)
		if !bytes.Equal(r.GetReceipt().GetLeafHash(), leaf[:]) || !r.GetReceipt().GetTime().AsTime().Equal(e.Time) {
			t.Errorf("the receipt %v is not of the entry %s", r.GetReceipt(), line)
		}
		words[i] += strings.TrimSpace(string(e.Operation) + " " + e.ModifiedValue)
	}
	return words
}

// TestResultsStandAtTheirItems: beside items that are refused, each result stands at its own item,
// and its receipt leads to its own entry.
func TestResultsStandAtTheirItems(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "old", "c")
	tooLong := strings.Repeat("x", piinguinv1.MaxStoredModifiedValue+1)
	now := time.Now()
	created, err := v.as(t, "writer").CreatePiiRecords(t.Context(), &piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{
		{}, canaryAt("new", now), {ModifiedValue: tooLong}, canaryAt("old", now), canaryAt("c", now.Add(-time.Hour)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	words := inWords(t, v, created.GetResults())
	for i, r := range created.GetResults() {
		words[i] += fmt.Sprint(" ", r.GetReplaced(), " ", r.GetSuperseded())
	}
	const required, long = "modified_value_required", "modified_value_too_long"
	if diff := cmp.Diff([]string{
		required + " false false", "CREATE false false", long + " false false", "CREATE true false", "CREATE false true",
	}, words); diff != "" {
		t.Errorf("create (-want +got):\n%s", diff)
	}
	read, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest("", "c", "absent", tooLong, "new"))
	if err != nil {
		t.Fatal(err)
	}
	words = inWords(t, v, read.GetResults())
	for i, r := range read.GetResults() {
		words[i] += " " + r.GetPiiRecord().GetModifiedValue()
	}
	if diff := cmp.Diff([]string{required + " ", "READ c c", "not_found ", long + " ", "READ new new"}, words); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	erased, err := v.as(t, "eraser").DeletePiiRecords(t.Context(), &piinguinv1.DeletePiiRecordsRequest{
		ModifiedValues: []string{"", "c", "absent", tooLong, "new"},
	})
	if err != nil {
		t.Fatal(err)
	}
	words = inWords(t, v, erased.GetResults())
	for i, r := range erased.GetResults() {
		words[i] += fmt.Sprint(" ", r.GetErased())
	}
	if diff := cmp.Diff([]string{
		required + " false", "DELETE c true", "DELETE absent false", long + " false", "DELETE new true",
	}, words); diff != "" {
		t.Errorf("delete (-want +got):\n%s", diff)
	}
	if e := v.entries(t)[0]; e.Operation != audit.Create || e.Count != 3 {
		t.Errorf("the create's entry is %+v, want a count of 3", e)
	}
}

// TestRecordComesBackWhole: what was created of a record is what a read answers, field by field.
func TestRecordComesBackWhole(t *testing.T) {
	v := newMemServer(t, nil)
	whole := &piinguinv1.Source{
		FieldName: "user_id", JsonPath: "$.a", Schema: "iglu:com.acme/a/jsonschema/1-0-0", HashFunction: "SHA-256", ParentEventId: "e-1",
	}
	for i, source := range []*piinguinv1.Source{whole, {JsonPath: "$.a"}, {Schema: "s"}, {HashFunction: "MD5"}, {ParentEventId: "e-2"}, nil} {
		want := canaryAt(fmt.Sprint("k", i), time.Date(2025, 4, 5, 6, 7, 8, 9000, time.UTC))
		want.Source = source
		if _, err := v.as(t, "writer").CreatePiiRecord(t.Context(), &piinguinv1.CreatePiiRecordRequest{PiiRecord: want}); err != nil {
			t.Fatal(err)
		}
		one, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest(want.GetModifiedValue()))
		if err != nil {
			t.Fatal(err)
		}
		many, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(want.GetModifiedValue()))
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []*piinguinv1.PiiRecord{one.GetPiiRecord(), many.GetResults()[0].GetPiiRecord()} {
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

// TestReceiptsOfSingleCalls: a call of one item has the receipt of its own entry.
func TestReceiptsOfSingleCalls(t *testing.T) {
	v := newMemServer(t, nil)
	created, err := v.as(t, "writer").CreatePiiRecord(t.Context(), createRequest("a"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
	if err != nil {
		t.Fatal(err)
	}
	erased, err := v.as(t, "eraser").DeletePiiRecord(t.Context(), deleteRequest("a"))
	if err != nil {
		t.Fatal(err)
	}
	words := inWords(t, v, []outcomer{
		&piinguinv1.CreatePiiRecordResult{Receipt: created.GetReceipt()},
		&piinguinv1.ReadPiiRecordResult{Receipt: read.GetReceipt()},
		&piinguinv1.DeletePiiRecordResult{Receipt: erased.GetReceipt()},
	})
	if diff := cmp.Diff([]string{"CREATE", "READ a", "DELETE a"}, words); diff != "" || !erased.GetErased() {
		t.Errorf("erased %v, receipts (-want +got):\n%s", erased.GetErased(), diff)
	}
}
