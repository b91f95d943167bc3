package server_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// withPolicy is a server whose policy is the built-in one and a text.
func withPolicy(t *testing.T, text string) func(*server.Config) {
	t.Helper()
	p, err := policy.New("test.cedar", append(policy.Builtin(), text...))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Policy = p }
}

// putField stores an original that was found in a field.
func (v *memServer) putField(t *testing.T, key, field string) {
	t.Helper()
	r := v.records.Mem.Put(t.Context(), []store.Record{{
		ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Now(), Source: store.Source{FieldName: field},
	}})
	if r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
}

// postRead reads in JSON, as a reader.
func (v *memServer) postRead(t *testing.T, body string) (int, string) {
	t.Helper()
	return v.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/ReadPiiRecord", "dev-reader", strings.NewReader(body))
}

const noAddresses = `
@id("no-addresses") @reason("field_not_allowed")
forbid (principal, action in Action::"Read", resource)
when { context has field_name && context.field_name == "user_ipaddress" };`

// A record that the caller is denied is answered as one that is not there, to the
// byte, and the ledger tells them apart.
func TestDeniedIsAsAbsent(t *testing.T) {
	v := newMemServer(t, nil, withPolicy(t, noAddresses))
	v.putField(t, "address", "user_ipaddress")
	v.putField(t, "id", "user_id")
	bodies := map[string]string{}
	for _, key := range []string{"address", "absent"} {
		status, body := v.postRead(t, `{"modified_value":"`+key+`","processing_basis":"CONTRACT"}`)
		bodies[key] = strconv.Itoa(status) + body
	}
	if bodies["address"] != bodies["absent"] || !strings.Contains(bodies["absent"], "not_found") {
		t.Errorf("a denied record is answered %s, and one that is not there %s", bodies["address"], bodies["absent"])
	}
	out, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest("id", "address", "absent"))
	if err != nil {
		t.Fatal(err)
	}
	r := out.GetResults()
	if r[0].GetPiiRecord().GetOriginalValue() != canary || r[1].GetError().GetReason() != "not_found" || r[1].GetPiiRecord() != nil {
		t.Errorf("batch: %v", r[1:])
	}
	if diff := cmp.Diff([]string{
		"READ DENIED field_not_allowed address", "READ NOT_FOUND  absent",
		"READ GRANTED  id", "READ DENIED field_not_allowed address", "READ NOT_FOUND  absent",
	}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if e := v.entries(t)[0]; e.Policy != "no-addresses" {
		t.Errorf("the entry names policy %q", e.Policy)
	}
}

// Where nothing may be read, a record that is not there is denied as well.
func TestAbsentIsAsDenied(t *testing.T) {
	v := newMemServer(t, nil, func(c *server.Config) {
		p, err := policy.New("test.cedar", []byte(`@id("ids") permit (principal, action in Action::"Read", resource)
			when { context has field_name && context.field_name == "user_id" };`))
		if err != nil {
			t.Fatal(err)
		}
		c.Policy = p
	})
	v.putField(t, "address", "user_ipaddress")
	v.putField(t, "id", "user_id")
	v.put(t, "unknown field")
	for _, key := range []string{"address", "absent", "unknown field"} {
		_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest(key))
		wantFailure(t, key, err, twirp.PermissionDenied, "policy_denied")
	}
	if out, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("id")); err != nil || out.GetPiiRecord().GetOriginalValue() != canary {
		t.Errorf("what is permitted: %v", err)
	}
	_, err := v.as(t, "writer").ReadPiiRecord(t.Context(), readRequest("id"))
	wantFailure(t, "without the role", err, twirp.PermissionDenied, "role_required")
}

// A denial by the policy is told by its reason, and is an entry.
func TestPolicyDenies(t *testing.T) {
	v := newMemServer(t, nil, withPolicy(t, `
@id("consent-only") @reason("basis_not_allowed")
forbid (principal == Caller::"token:dev-reader", action in Action::"Read", resource) unless { context.basis == "CONSENT" };`))
	v.put(t, "a")
	_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
	wantFailure(t, "read", err, twirp.PermissionDenied, "basis_not_allowed")
	_, err = v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest("a", "b"))
	wantFailure(t, "batch", err, twirp.PermissionDenied, "basis_not_allowed")
	entries := v.entries(t)
	for _, e := range entries {
		if e.Outcome != audit.Denied || e.Reason != "basis_not_allowed" || e.Policy != "consent-only" {
			t.Errorf("entry %+v", e)
		}
	}
	if len(entries) != 3 {
		t.Errorf("%d entries, want 3", len(entries))
	}
}

func TestPurposeAndReferenceRequired(t *testing.T) {
	v := newMemServer(t, nil, func(c *server.Config) { c.RequirePurpose, c.RequireReference = true, true })
	v.put(t, "a")
	req := readRequest("a")
	req.Purpose = " "
	_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), req)
	wantFailure(t, "no purpose", err, twirp.InvalidArgument, "purpose_required")
	req = readRequest("a")
	req.Reference = ""
	_, err = v.as(t, "reader").ReadPiiRecord(t.Context(), req)
	wantFailure(t, "no reference", err, twirp.InvalidArgument, "reference_required")
	if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
		t.Errorf("with both: %v", err)
	}
}

func TestSpecialCategoryCondition(t *testing.T) {
	v := newMemServer(t, nil, withPolicy(t, `
@id("health") @reason("special_category_condition_required")
forbid (principal, action in Action::"Read", resource)
when { context has field_name && context.field_name == "health" } unless { context.special_category_condition != "" };`))
	v.putField(t, "a", "health")
	req := readRequest("a")
	_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), req)
	wantFailure(t, "without a condition", err, twirp.NotFound, "not_found")
	for n := range piinguinv1.SpecialCategoryCondition_name {
		if n == 0 {
			continue
		}
		req.SpecialCategoryCondition = piinguinv1.SpecialCategoryCondition(n)
		if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), req); err != nil {
			t.Errorf("%v: %v", req.SpecialCategoryCondition, err)
		}
	}
	req.SpecialCategoryCondition = 11
	_, err = v.as(t, "reader").ReadPiiRecord(t.Context(), req)
	wantFailure(t, "an unknown one", err, twirp.InvalidArgument, "special_category_condition_unknown")
	conditions := map[string]bool{}
	for _, e := range v.entries(t) {
		conditions[e.Condition] = true
	}
	if len(conditions) != 11 || !conditions["ART9_HEALTH_CARE"] || !conditions[""] {
		t.Errorf("conditions in the ledger: %v", conditions)
	}
}

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func TestRequestLimit(t *testing.T) {
	c := &clock{time.Now()}
	v := newMemServer(t, nil, func(s *server.Config) { s.Limits.RequestsPerSecond, s.Now = 2, c.read })
	v.put(t, "a")
	for range 4 {
		if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
			t.Fatal(err)
		}
	}
	_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
	wantFailure(t, "too many", err, twirp.ResourceExhausted, "too_many_requests")
	status, body := v.postRead(t, `{}`)
	if status != http.StatusTooManyRequests || !strings.Contains(body, `"retry_after":"1"`) {
		t.Errorf("%d %s, want 429 and retry_after", status, body)
	}
	if _, err := v.as(t, "writer").CreatePiiRecord(t.Context(), createRequest("b")); err != nil {
		t.Errorf("another caller: %v", err)
	}
	c.now = c.now.Add(time.Second)
	if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if len(v.entries(t)) != 6 {
		t.Errorf("entries %v: refusals by the limit must not be among them", v.outcomes(t))
	}
}

func TestRecordLimit(t *testing.T) {
	c := &clock{time.Now()}
	v := newMemServer(t, nil, func(s *server.Config) { s.Limits.RecordsPerMinute, s.Now = 600, c.read })
	keys := make([]string, 400)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	if _, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(keys...)); err != nil {
		t.Fatal(err)
	}
	_, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(keys...))
	wantFailure(t, "too many", err, twirp.ResourceExhausted, "too_many_requests")
	c.now = c.now.Add(20 * time.Second)
	if _, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(keys...)); err != nil {
		t.Errorf("20 seconds later: %v", err)
	}
}

// A caller that reads far above its own normal is logged and counted, once a minute;
// one whose normal is as much is not.
func TestUnusualReading(t *testing.T) {
	c := &clock{time.Now().Truncate(time.Minute)}
	v := newMemServer(t, nil, func(s *server.Config) { s.Now = c.read })
	read := func(n int) {
		t.Helper()
		keys := make([]string, n)
		for i := range keys {
			keys[i] = strconv.Itoa(i)
		}
		if _, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(keys...)); err != nil {
			t.Fatal(err)
		}
	}
	for range 12 {
		read(5)
		c.now = c.now.Add(time.Minute)
	}
	read(90)
	if strings.Contains(v.log.String(), "far more") {
		t.Error("90 records are few, and were reported")
	}
	read(90)
	read(90)
	if n := strings.Count(v.log.String(), "far more"); n != 1 {
		t.Errorf("reported %d times in a minute, want once", n)
	}
	if _, body := v.get(t, "/metrics"); !strings.Contains(body, "piinguin_unusual_reading_total 1\n") {
		t.Error("the metric does not count it")
	}
	for range 60 {
		c.now = c.now.Add(time.Minute)
		read(270)
	}
	before := strings.Count(v.log.String(), "far more")
	c.now = c.now.Add(time.Minute)
	read(270)
	if strings.Count(v.log.String(), "far more") != before {
		t.Error("what has become normal is still reported")
	}
}
