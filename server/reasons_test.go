package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/store"
)

// engineError is an engine's error: its code may be told, its text holds a value.
type engineError struct{ code string }

func (e engineError) Error() string      { return canary }
func (e engineError) EngineCode() string { return e.code }

func (v *memServer) wantLine(t *testing.T, parts ...string) {
	t.Helper()
	for line := range strings.Lines(v.log.String()) {
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(line, part)
		}
		if !missing {
			return
		}
	}
	t.Errorf("no line of the log has all of %q:\n%s", parts, v.log)
}

func (v *memServer) wantMetrics(t *testing.T, lines ...string) {
	t.Helper()
	_, body := v.get(t, "/metrics")
	for _, line := range lines {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

// TestLinesSayWhy: a line of the log names the reason that the caller was told, and the engine's code
// that it was not told.
func TestLinesSayWhy(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "a")
	_, _ = v.as(t, "writer").ReadPiiRecord(t.Context(), readRequest("a"))
	_, _ = v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest(""))
	stranger, err := client.New(client.Config{Host: v.address, Token: client.Token("wrong"), HTTPClient: v.http, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = stranger.ReadPiiRecord(t.Context(), readRequest("a"))
	codes := []string{"AccessDeniedException", "SQLITE_FULL", "FileMoved", "FileClosed", "FileReadOnly", "DriverFailed"} // a label each
	for _, code := range slices.Concat(codes, []string{"SomethingNew", "not a code", ""}) {
		v.records.fail(errorOf(code), nil)
		_, _ = v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
		_, _ = v.as(t, "writer").CreatePiiRecord(t.Context(), createRequest("a"))
		_, _ = v.as(t, "eraser").DeletePiiRecord(t.Context(), deleteRequest("a"))
	}
	v.wantLine(t, `"code":"permission_denied"`, `"reason":"role_required"`, `"caller":"dev-writer"`)
	v.wantLine(t, `"reason":"modified_value_required"`)
	v.wantLine(t, `"reason":"unauthenticated"`, `"cause":"unknown_token"`, `"address":"127.0.0.1"`)
	for _, method := range []string{"ReadPiiRecord", "CreatePiiRecord", "DeletePiiRecord"} {
		for _, code := range slices.Concat(codes, []string{"SomethingNew", "other"}) {
			v.wantLine(t, `"method":"`+method+`"`, `"reason":"store_unavailable"`, `"engine_code":"`+code+`"`)
		}
	}
	v.wantMetrics(t, `piinguin_failed_requests_total{reason="role_required"} 1`, `piinguin_failed_requests_total{reason="store_unavailable"} 27`,
		`piinguin_engine_failures_total{code="other"} 9`)
	for _, code := range codes {
		v.wantMetrics(t, `piinguin_engine_failures_total{code="`+code+`"} 3`)
	}
	if _, body := v.get(t, "/metrics"); !strings.Contains(body, "\ngo_goroutines ") || strings.Contains(body, "SomethingNew") {
		t.Error("/metrics lacks Go's own, or has a code that it does not know")
	}
}

func errorOf(code string) error {
	return wrapped{engineError{code}}
}

// wrapped is an error as a driver returns it.
type wrapped struct{ engine error }

func (w wrapped) Error() string   { return "store: unavailable" }
func (w wrapped) Unwrap() []error { return []error{store.ErrUnavailable, w.engine} }

// TestAppendsSayWhy: what became of the commit is not known yet, but why it failed is.
func TestAppendsSayWhy(t *testing.T) {
	v := newMemServer(t, func(op string, n int) audittest.Fault {
		if op == audittest.Commit && n > openCommits {
			return audittest.Fault{Err: engineError{"ProvisionedThroughputExceededException"}}
		}
		return audittest.Fault{}
	})
	v.put(t, "a")
	_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
	wantFailure(t, "read", err, twirp.Unavailable, "audit_unavailable")
	v.wantLine(t, `"message":"audit append failed"`, `"engine_code":"ProvisionedThroughputExceededException"`)
	v.wantLine(t, `"reason":"audit_unavailable"`, `"engine_code":"ProvisionedThroughputExceededException"`)
	if status, body := v.get(t, "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d %q", status, body)
	}
	before := strings.Count(v.log.String(), `"message":"audit append failed"`)
	if _, err := v.as(t, "reader").ReadPiiRecords(t.Context(), &piinguinv1.ReadPiiRecordsRequest{
		ModifiedValues: []string{"a", "b", "c"}, ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
	}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(v.log.String(), `"message":"audit append failed"`) - before; lines != 1 {
		t.Errorf("%d lines of one batch:\n%s", lines, v.log)
	}
}
