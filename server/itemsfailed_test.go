package server_test

import (
	"strings"
	"testing"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestFailedBatchIsNotOK: a batch without one result is not logged and counted as a success, and
// one with a result is.
func TestFailedBatchIsNotOK(t *testing.T) {
	for keys, want := range map[string]string{"absent,gone,": "items_failed", ",absent,gone": "items_failed", "absent,a": "ok"} {
		s := newMemServer(t, nil)
		s.put(t, "a")
		if _, err := s.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(strings.Split(keys, ",")...)); err != nil {
			t.Fatal(err)
		}
		if want != "ok" {
			s.wantLine(t, `"code":"items_failed"`, `"reason":"not_found"`)
			s.wantMetrics(t, `piinguin_failed_requests_total{reason="not_found"} 1`)
		}
		s.records.fail(errEngine, nil)
		_, _ = s.as(t, "eraser").DeletePiiRecords(t.Context(), &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: []string{"a"}})
		_, _ = s.as(t, "writer").CreatePiiRecords(t.Context(), &piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{{ModifiedValue: "a"}}})
		_, metrics := s.get(t, "/metrics")
		for method, code := range map[string]string{"ReadPiiRecords": want, "DeletePiiRecords": "items_failed", "CreatePiiRecords": "items_failed"} {
			if !strings.Contains(metrics, `piinguin_requests_total{code="`+code+`",method="`+method+`"} 1`) || !strings.Contains(s.log.String(), `"code":"`+code+`"`) {
				t.Errorf("%s of %s is not told as %s", method, keys, code)
			}
		}
	}
}
