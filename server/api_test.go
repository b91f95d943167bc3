package server_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

func deleteRequest(key string) *piinguinv1.DeletePiiRecordRequest {
	return &piinguinv1.DeletePiiRecordRequest{ModifiedValue: key}
}

func (f *testServer) get(t tester, path string) (int, string) {
	t.Helper()
	return f.send(t, http.MethodGet, path, "", nil)
}

func (f *testServer) send(t tester, method, path, token string, body io.Reader) (int, string) {
	t.Helper()
	return f.sendAs(t, "application/json", method, path, token, body)
}

func (f *testServer) sendAs(t tester, contentType, method, path, token string, body io.Reader) (int, string) {
	t.Helper()
	header := http.Header{"Content-Type": {contentType}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return f.sendWith(t, header, method, path, body)
}

func (f *testServer) sendWith(t tester, header http.Header, method, path string, body io.Reader) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(out)
}

// calls is every method, and whom it is for.
var calls = []struct {
	method, role string
	call         func(ctx context.Context, c *client.Client) error
}{
	{"CreatePiiRecord", "writer", func(ctx context.Context, c *client.Client) error {
		_, err := c.CreatePiiRecord(ctx, createRequest("a"))
		return err
	}},
	{"CreatePiiRecords", "writer", func(ctx context.Context, c *client.Client) error {
		_, err := c.CreatePiiRecords(ctx, &piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{{ModifiedValue: "a"}}})
		return err
	}},
	{"ReadPiiRecord", "reader", func(ctx context.Context, c *client.Client) error {
		_, err := c.ReadPiiRecord(ctx, readRequest("a"))
		return err
	}},
	{"ReadPiiRecords", "reader", func(ctx context.Context, c *client.Client) error {
		_, err := c.ReadPiiRecords(ctx, readsRequest("a"))
		return err
	}},
	{"DeletePiiRecord", "eraser", func(ctx context.Context, c *client.Client) error {
		_, err := c.DeletePiiRecord(ctx, deleteRequest("b"))
		return err
	}},
	{"DeletePiiRecords", "eraser", func(ctx context.Context, c *client.Client) error {
		_, err := c.DeletePiiRecords(ctx, &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: []string{"b"}})
		return err
	}},
	{"ListEntries", "auditor", func(ctx context.Context, c *client.Client) error {
		_, err := c.ListEntries(ctx, &piinguinv1.ListEntriesRequest{})
		return err
	}},
	{"Summarize", "auditor", func(ctx context.Context, c *client.Client) error {
		_, err := c.Summarize(ctx, summarizeRequest())
		return err
	}},
	{"GetEntry", "auditor", func(ctx context.Context, c *client.Client) error {
		_, err := c.GetEntry(ctx, &piinguinv1.GetEntryRequest{Log: "1"})
		return err
	}},
	{"GetCheckpoint", "auditor", func(ctx context.Context, c *client.Client) error {
		_, err := c.GetCheckpoint(ctx, &piinguinv1.GetCheckpointRequest{})
		return err
	}},
	{"ProveEntry", "auditor", func(ctx context.Context, c *client.Client) error {
		_, err := c.ProveEntry(ctx, &piinguinv1.ProveEntryRequest{Log: "1"})
		return err
	}},
	{"ProveConsistency", "auditor", func(ctx context.Context, c *client.Client) error {
		_, err := c.ProveConsistency(ctx, &piinguinv1.ProveConsistencyRequest{Log: "1", OldSize: 1})
		return err
	}},
}

// Each role may do its own and nothing else; a denial is an entry of the caller.
func TestRoles(t *testing.T) {
	for _, c := range calls {
		for _, role := range []string{"writer", "reader", "eraser", "auditor"} {
			v := newMemServer(t, nil)
			v.put(t, "a", "b")
			err := c.call(t.Context(), v.as(t, role))
			if role == c.role {
				if err != nil {
					t.Errorf("%s as %s: %v", c.method, role, err)
				}
				continue
			}
			wantFailure(t, c.method+" as "+role, err, twirp.PermissionDenied, "role_required")
			entries := v.entries(t)
			if len(entries) != 1 || entries[0].Outcome != audit.Denied || entries[0].Caller != "dev-"+role {
				t.Errorf("%s as %s: entries %v", c.method, role, entries)
			}
		}
	}
}

func TestUnauthenticatedMakesNoEntry(t *testing.T) {
	v := newMemServer(t, nil)
	for _, token := range []string{"", "CANARY-token", "dev-reader2"} {
		for _, path := range []string{"/twirp/piinguin.v1.Piinguin/ReadPiiRecord", "/twirp/nothing", "/log/1/checkpoint"} {
			if status, body := v.send(t, http.MethodPost, path, token, strings.NewReader("{}")); status != 401 || !strings.Contains(body, `"unauthenticated"`) {
				t.Errorf("%s with token %q: %d %s", path, token, status, body)
			}
		}
	}
	if n := len(v.entries(t)); n != 0 {
		t.Errorf("%d entries of nobody", n)
	}
}

func TestOutcomes(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "a")
	reader, auditor := v.as(t, "reader"), v.as(t, "auditor")
	if _, err := reader.ReadPiiRecord(t.Context(), readRequest("nobody")); err == nil {
		t.Error("a value of nobody")
	}
	out, err := reader.ReadPiiRecords(t.Context(), readsRequest("a", "", "nobody", "a"))
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, r := range out.GetResults() {
		reasons = append(reasons, r.GetError().GetReason()+r.GetPiiRecord().GetOriginalValue())
	}
	if diff := cmp.Diff([]string{canary, "modified_value_required", "not_found", canary}, reasons); diff != "" {
		t.Errorf("batch (-want +have):\n%s", diff)
	}
	if _, err := auditor.GetEntry(t.Context(), &piinguinv1.GetEntryRequest{Log: "1", Index: 999}); err == nil {
		t.Error("an entry that is not there")
	}
	if _, err := auditor.ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Subjects: []string{"a"}, Outcomes: []piinguinv1.Outcome{piinguinv1.Outcome_GRANTED}}); err != nil {
		t.Error(err)
	}
	if _, err := v.as(t, "eraser").DeletePiiRecords(t.Context(), &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: []string{"a", "x"}}); err != nil {
		t.Error(err)
	}
	want := []string{
		"READ NOT_FOUND  nobody", "READ GRANTED  a", "READ NOT_FOUND  nobody", "READ GRANTED  a",
		"REVIEW NOT_FOUND", "REVIEW GRANTED  a", "DELETE GRANTED  a", "DELETE GRANTED  x",
	}
	if diff := cmp.Diff(want, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +have):\n%s", diff)
	}
}

// Bad input is refused by the name of its field, and at the limit it passes.
func TestLimits(t *testing.T) {
	v := newMemServer(t, nil)
	long := strings.Repeat("x", 513)
	now := time.Now()
	for _, c := range []struct {
		body, method, field string // no field: it passes
	}{
		{`{"modified_value":"` + long[:128] + `","processing_basis":"CONSENT","purpose":"` + long[:512] + `"}`, "ReadPiiRecord", ""},
		{`{"modified_value":"a"}`, "ReadPiiRecord", "processing_basis"},
		{`{"modified_value":"a","processing_basis":"LAWFUL_BASIS_UNSPECIFIED"}`, "ReadPiiRecord", "processing_basis"},
		{`{"modified_value":"a","processing_basis":7}`, "ReadPiiRecord", "processing_basis"},
		{`{"modified_value":"a","processing_basis":"NOPE"}`, "ReadPiiRecord", "processing_basis"},
		{`{"processing_basis":"CONSENT"}`, "ReadPiiRecord", "modified_value"},
		{`{"modified_value":"` + strings.Repeat("x", 2049) + `","processing_basis":"CONSENT"}`, "ReadPiiRecord", "modified_value"},
		{`{"modified_value":"a\u0007","processing_basis":"CONSENT"}`, "ReadPiiRecord", "modified_value"},
		{`{"modified_value":"a","processing_basis":"CONSENT","purpose":"` + long + `"}`, "ReadPiiRecord", "purpose"},
		{`{"modified_value":"a","processing_basis":"CONSENT","reference":"\n"}`, "ReadPiiRecord", "reference"},
		{`{"modifiedValue":"a","processingBasis":"CONSENT","onBehalfOf":"` + long + `"}`, "ReadPiiRecord", "on_behalf_of"},
		{`{"modified_values":[],"processing_basis":"CONSENT"}`, "ReadPiiRecords", "modified_values"},
		{`{"modified_values":["a"` + strings.Repeat(`,"a"`, 499) + `],"processing_basis":"CONSENT"}`, "ReadPiiRecords", ""},
		{`{"modified_values":["a"` + strings.Repeat(`,"a"`, 500) + `],"processing_basis":"CONSENT"}`, "ReadPiiRecords", "modified_values"},
		{`{}`, "CreatePiiRecord", "pii_record"},
		{`{"pii_record":{"modified_value":"a","original_value":"line\nbreak"}}`, "CreatePiiRecord", ""},
		{`{"pii_record":{"modified_value":"a","original_value":""}}`, "CreatePiiRecord", ""},
		{`{"pii_record":{"modified_value":"a","original_value":"` + strings.Repeat("x", 32<<10) + `"}}`, "CreatePiiRecord", ""},
		{`{"pii_record":{"modified_value":"a","original_value":"` + strings.Repeat("x", 32<<10+1) + `"}}`, "CreatePiiRecord", "pii_record.original_value"},
		{`{"pii_record":{"modified_value":"a","original_value":"","source":{"schema":"` + long + `"}}}`, "CreatePiiRecord", "pii_record.source.schema"},
		{`{"pii_record":{"modified_value":"a","original_value":"","observed_at":"` + now.Add(2*time.Hour).UTC().Format(time.RFC3339) + `"}}`, "CreatePiiRecord", "pii_record.observed_at"},
		{`{"pii_record":{"modified_value":"a","original_value":"","observed_at":"` + now.Add(30*time.Minute).UTC().Format(time.RFC3339) + `"}}`, "CreatePiiRecord", ""},
		{`{"modified_value":""}`, "DeletePiiRecord", "modified_value"},
		{`{"modified_values":[]}`, "DeletePiiRecords", "modified_values"},
	} {
		token := map[string]string{"R": "dev-reader", "C": "dev-writer", "D": "dev-eraser"}[c.method[:1]]
		v.put(t, "a", long[:128])
		status, body := v.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/"+c.method, token, strings.NewReader(c.body))
		if c.field == "" {
			if status != http.StatusOK {
				t.Errorf("%s %.60s: %d %s", c.method, c.body, status, body)
			}
			continue
		}
		if status != http.StatusBadRequest || !strings.Contains(body, `"argument":"`+c.field+`"`) {
			t.Errorf("%s %.60s: %d %s, want 400 naming %s", c.method, c.body, status, body, c.field)
		}
	}
	_, err := v.as(t, "writer").CreatePiiRecord(t.Context(), &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{
		ModifiedValue: "a", ObservedAt: &timestamppb.Timestamp{Seconds: 1 << 60},
	}})
	wantFailure(t, "a time of no calendar", err, twirp.InvalidArgument, "observed_at_not_a_time")
}

func TestBodies(t *testing.T) {
	v := newMemServer(t, nil)
	const path = "/twirp/piinguin.v1.Piinguin/CreatePiiRecord"
	big := strings.Repeat("x", 4<<20+1)
	for name, body := range map[string]io.Reader{
		"with a length":    strings.NewReader(big),
		"without a length": io.MultiReader(strings.NewReader(big)),
	} {
		if status, answer := v.send(t, http.MethodPost, path, "dev-writer", body); status != 400 || !strings.Contains(answer, "body_too_large") {
			t.Errorf("a large body %s: %d %s", name, status, answer)
		}
	}
	for _, body := range []string{"", "rubbish", "[]", "\x00\xff"} {
		if status, answer := v.send(t, http.MethodPost, path, "dev-writer", io.MultiReader(strings.NewReader(body))); status != 400 || !strings.Contains(answer, "malformed") {
			t.Errorf("body %q: %d %s", body, status, answer)
		}
	}
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, path}, {http.MethodPost, "/twirp/piinguin.v1.Piinguin/Nothing"}, {http.MethodPost, "/twirp/x"}, {http.MethodPost, "/twirp/"},
	} {
		if status, answer := v.send(t, c.method, c.path, "dev-writer", strings.NewReader("{}")); status != 404 || !strings.Contains(answer, "bad_route") {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, answer)
		}
	}
	if n := len(v.entries(t)); n != 0 {
		t.Errorf("%d entries of requests that are none", n)
	}
}

// ListEntries page by page is the whole list, and lines and hashes are the ledger's.
func TestListPages(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "a")
	for range 25 {
		if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
			t.Fatal(err)
		}
	}
	req := &piinguinv1.ListEntriesRequest{PageSize: 7, Operations: []piinguinv1.Operation{piinguinv1.Operation_READ}}
	var indexes []int64
	for {
		out, err := v.as(t, "auditor").ListEntries(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.GetEntries() {
			indexes = append(indexes, e.GetIndex())
			leaf := audit.LeafHash([]byte(e.GetLine()))
			if !slices.Equal(leaf[:], e.GetLeafHash()) || e.GetCaller() != "dev-reader" || e.GetBasis().String() != "CONTRACT" {
				t.Errorf("entry %d: %v", e.GetIndex(), e)
			}
		}
		if req.PageToken = out.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if len(indexes) != 25 || !slices.IsSortedFunc(indexes, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("indexes %v", indexes)
	}
}

// A log line has the fields of access and no others; no text of a request is in it.
func TestAccessLog(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "CANARY-key")
	req := readRequest("CANARY-key")
	req.Purpose, req.Reference, req.OnBehalfOf = "CANARY-purpose", "CANARY-reference", "CANARY-somebody"
	if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if _, err := v.as(t, "writer").CreatePiiRecord(t.Context(), createRequest("k")); err != nil {
		t.Fatal(err)
	}
	v.send(t, http.MethodPost, "/twirp/CANARY-route", "CANARY-token", strings.NewReader("CANARY"))
	allowed := []string{"level", "message", "method", "code", "duration_ms", "request_id", "caller", "log", "index", "items", "reason", "cause", "engine_code", "address"}
	lines := slices.Collect(strings.Lines(v.log.String()))
	if len(lines) != 3 {
		t.Errorf("%d log lines of 3 requests", len(lines))
	}
	for _, line := range lines {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Collect(maps.Keys(fields)) {
			if !slices.Contains(allowed, name) {
				t.Errorf("the log has %s: %s", name, line)
			}
		}
	}
	if first := v.entries(t)[0]; !strings.Contains(lines[0], first.RequestID) {
		t.Errorf("the log line %s has not the entry's request id %s", lines[0], first.RequestID)
	}
	if _, body := v.get(t, "/metrics"); strings.Contains(body, "CANARY") || !strings.Contains(body, `piinguin_requests_total{code="ok",method="ReadPiiRecord"} 1`) {
		t.Errorf("metrics:\n%s", body)
	}
}
