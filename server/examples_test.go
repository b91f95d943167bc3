package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// callers takes the bearer token for the caller's name.
type callers map[string]policy.Caller

// Authenticate implements identity.Authenticator.
func (c callers) Authenticate(r *http.Request) (policy.Caller, error) {
	name := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	caller, known := c[name]
	if !known {
		return policy.Caller{}, identity.ErrUnknown
	}
	caller.Name = name
	return caller, nil
}

// policed is a server with a policy. A request to it has the time and the address that a test
// sets.
type policed struct {
	*memServer
	hours   hours
	from    string
	handler http.Handler
}

// newPoliced starts a server that decides by a policy, whose callers are those of the example.
func newPoliced(t *testing.T, p policy.Source) *policed {
	t.Helper()
	v := &policed{memServer: &memServer{records: &faultyStore{Mem: store.NewMem()}, ledger: audit.NewMem()}}
	ledger, err := audit.Open(t.Context(), audit.Config{Store: v.ledger, Key: newTestKey(t), AppendTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close(context.WithoutCancel(t.Context())) })
	s, err := server.New(server.Config{Ledger: ledger, Store: v.records, Policy: p, Now: v.hours.now, Callers: callers{
		"ann":       {Authentication: "token", Roles: []policy.Role{policy.Reader}},
		"ann-mtls":  {Authentication: "mtls", Roles: []policy.Role{policy.Reader}},
		"marketing": {Authentication: "token", Roles: []policy.Role{policy.Reader}},
		"sue":       {Authentication: "token", Roles: []policy.Role{policy.Reader, "group:support"}},
		"olga":      {Authentication: "token", Roles: []policy.Role{policy.Reader, "group:on-call"}},
		"al":        {Authentication: "token", Roles: []policy.Role{policy.Reader, "group:analysts"}},
		"batch":     {Authentication: "token", Roles: []policy.Role{policy.Reader, policy.Writer}},
		"will":      {Authentication: "token", Roles: []policy.Role{policy.Writer}},
		"eve":       {Authentication: "token", Roles: []policy.Role{policy.Eraser}},
		"audrey":    {Authentication: "token", Roles: []policy.Role{policy.Auditor}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	v.handler = s.Handler()
	v.hours.Store(12)
	v.from = "192.0.2.1"
	v.putField(t, "id", "user_id")
	v.putField(t, "address", "user_ipaddress")
	v.putField(t, "health", "health_note")
	v.putField(t, "union", "union_membership")
	return v
}

// post sends a call in JSON, and returns the status and the answer.
func (v *policed) post(t *testing.T, caller, method, body string) (int, string) {
	t.Helper()
	service := "Piinguin"
	if !strings.Contains(method, "PiiRecord") {
		service = "Audit"
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/twirp/piinguin.v1."+service+"/"+method, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+caller)
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = v.from + ":4711"
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// reasonIn returns the reason that an answer tells, in its error or in its first item's; "" if
// the answer is a success.
func reasonIn(t *testing.T, answer string) string {
	t.Helper()
	var told struct {
		Meta    struct{ Reason string }
		Results []struct{ Error struct{ Reason string } }
	}
	if err := json.Unmarshal([]byte(answer), &told); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	if len(told.Results) > 0 {
		return told.Results[0].Error.Reason
	}
	return told.Meta.Reason
}

// latest returns the latest entry as "DENIED ticket_required by support-with-ticket".
func (v *policed) latest(t *testing.T) string {
	t.Helper()
	all := v.entries(t)
	e := all[len(all)-1]
	return strings.Join(strings.Fields(fmt.Sprint(e.Outcome, " ", e.Reason, " by ", e.Policy)), " ")
}

// TestExamplesOverHTTP makes calls that each rule of the documentation's example allows and
// denies, of a server started with that file: what is answered, and what the entry says.
func TestExamplesOverHTTP(t *testing.T) {
	file, err := policy.Open("../docs/policies/examples.cedar", time.Now, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	v := newPoliced(t, file)
	const (
		byDay                 = 12
		anywhere, home, other = "192.0.2.1", "10.20.3.4", "10.21.3.4"
		contract              = `"processing_basis":"CONTRACT"`
		granted               = "GRANTED by reader-reads"
	)
	for _, c := range []struct {
		caller        string
		hour          int64
		from          string
		key, states   string
		reason, entry string // a value is answered where the reason is empty
	}{
		{"ann", byDay, anywhere, "id", contract, "", granted},
		{"ann", byDay, anywhere, "absent", contract, "not_found", "NOT_FOUND by reader-reads"},
		{"will", byDay, anywhere, "id", contract, "role_required", "DENIED role_required by role-reader"},
		{"marketing", byDay, anywhere, "id", `"processing_basis":"CONSENT"`, "", granted},
		{"marketing", byDay, anywhere, "id", contract, "basis_not_allowed", "DENIED basis_not_allowed by marketing-by-consent"},
		{"sue", byDay, anywhere, "id", contract + `,"reference":"TICKET-7"`, "", granted},
		{"sue", byDay, anywhere, "id", contract + `,"purpose":"TICKET-7"`, "ticket_required", "DENIED ticket_required by support-with-ticket"},
		{"ann", 5, anywhere, "id", contract, "time_not_allowed", "DENIED time_not_allowed by nights-on-call"},
		{"ann", 6, anywhere, "id", contract, "", granted},
		{"ann", 22, anywhere, "id", contract, "time_not_allowed", "DENIED time_not_allowed by nights-on-call"},
		{"olga", 5, anywhere, "id", contract, "", granted},
		{"al", byDay, anywhere, "id", contract, "", granted},
		// A denial that rests on the record is told as if there were no record.
		{"al", byDay, anywhere, "address", contract, "not_found", "DENIED field_not_allowed by analysts-no-addresses"},
		{"ann", byDay, anywhere, "address", contract, "", granted},
		{"ann", byDay, anywhere, "health", contract, "not_found", "DENIED special_category_condition_required by special-category"},
		{"ann", byDay, anywhere, "union", contract, "not_found", "DENIED special_category_condition_required by special-category"},
		{"ann", byDay, anywhere, "health", contract + `,"special_category_condition":"ART9_HEALTH_CARE"`, "", granted},
		{"batch", byDay, home, "id", contract, "", granted},
		{"batch", byDay, other, "id", contract, "network_not_allowed", "DENIED network_not_allowed by batch-from-its-network"},
	} {
		v.hours.Store(c.hour)
		v.from = c.from
		for method, keys := range map[string]string{
			"ReadPiiRecord": `"modified_value":"` + c.key + `"`, "ReadPiiRecords": `"modified_values":["` + c.key + `"]`,
		} {
			_, answer := v.post(t, c.caller, method, "{"+keys+","+c.states+"}")
			got := []string{reasonIn(t, answer), fmt.Sprint(strings.Contains(answer, canary)), v.latest(t)}
			if diff := cmp.Diff([]string{c.reason, fmt.Sprint(c.reason == ""), c.entry}, got); diff != "" {
				t.Errorf("%s reads %s with %s, %s at %d from %s: reason, value, entry (-want +got):\n%s", c.caller, c.key, c.states, method, c.hour, c.from, diff)
			}
		}
	}
	v.hours.Store(byDay)
	for _, c := range []struct{ caller, from, method, body, reason, entry string }{
		{"will", anywhere, "CreatePiiRecord", `{"pii_record":{"modified_value":"new","original_value":""}}`, "", "GRANTED by writer-creates"},
		{"batch", home, "CreatePiiRecord", `{"pii_record":{"modified_value":"new","original_value":""}}`, "", "GRANTED by writer-creates"},
		{"batch", other, "CreatePiiRecord", `{"pii_record":{"modified_value":"new","original_value":""}}`, "network_not_allowed", "DENIED network_not_allowed by batch-from-its-network"},
		{"eve", anywhere, "DeletePiiRecord", `{"modified_value":"new"}`, "", "GRANTED by eraser-deletes"},
		{"audrey", anywhere, "ListEntries", `{}`, "", "GRANTED by auditor-reviews"},
	} {
		v.from = c.from
		_, answer := v.post(t, c.caller, c.method, c.body)
		if diff := cmp.Diff([]string{c.reason, c.entry}, []string{reasonIn(t, answer), v.latest(t)}); diff != "" {
			t.Errorf("%s calls %s from %s: reason, entry (-want +got):\n%s", c.caller, c.method, c.from, diff)
		}
	}
}

// TestWhatAPolicyIsTold: each of what a policy may ask about a read reaches the decision as the
// request has it.
func TestWhatAPolicyIsTold(t *testing.T) {
	const request = `{"modified_value":"id","processing_basis":"CONTRACT","purpose":"p","reference":"r","on_behalf_of":"o",
		"special_category_condition":"ART9_HEALTH_CARE"}`
	for condition, caller := range map[string]string{
		`principal.authentication == "token" && principal.name == "ann"`: "ann",
		`principal.authentication == "mtls"`:                             "ann-mtls",
		`principal in Group::"support"`:                                  "sue",
		`action == Action::"ReadPiiRecord"`:                              "ann",
		`context.time == datetime("2026-02-03T12:00:00Z")`:               "ann",
		`context has network && context.network == ip("192.0.2.1")`:      "ann",
		`context.basis == "CONTRACT"`:                                    "ann",
		`context.purpose == "p"`:                                         "ann",
		`context.reference == "r"`:                                       "ann",
		`context.on_behalf_of == "o"`:                                    "ann",
		`context.special_category_condition == "ART9_HEALTH_CARE"`:       "ann",
		`context has field_name && context.field_name == "user_id"`:      "ann",
	} {
		p, err := policy.New("test.cedar", []byte(`@id("told") permit (principal, action in Action::"Read", resource) when { `+condition+` };`))
		if err != nil {
			t.Fatal(err)
		}
		v := newPoliced(t, p)
		if status, answer := v.post(t, caller, "ReadPiiRecord", request); status != http.StatusOK || !strings.Contains(answer, canary) {
			t.Errorf("%s: %d %s", condition, status, answer)
		}
	}
}

// TestEachMethodIsItsOwnAction: a policy that forbids one method forbids this one and no other.
func TestEachMethodIsItsOwnAction(t *testing.T) {
	for _, action := range policy.Actions() {
		v := newMemServer(t, nil, withPolicy(t, fmt.Sprintf(`@id("one") @reason("this_one") forbid (principal, action == Action::"%s", resource);`, action)))
		v.put(t, "a", "b")
		refused := []string{}
		note := func(method string, err error) {
			if err != nil {
				refused = append(refused, method+" "+reason(err))
			}
		}
		for _, c := range calls {
			note(c.method, c.call(t.Context(), v.as(t, c.role)))
		}
		status, answer := v.send(t, http.MethodGet, "/log/1/checkpoint", "dev-auditor", nil)
		if status != http.StatusOK {
			refused = append(refused, string(policy.ReadTiles)+" "+reasonIn(t, answer))
		}
		if diff := cmp.Diff([]string{string(action) + " this_one"}, refused); diff != "" {
			t.Errorf("%s is forbidden (-want +got):\n%s", action, diff)
		}
	}
}

// TestRecordsReasonIsNotTold: where one record is denied by a rule and an absent one by another,
// a caller is told the absent one's reason, alone and in a batch. The entry has the record's.
func TestRecordsReasonIsNotTold(t *testing.T) {
	p, err := policy.New("test.cedar", []byte(`
@id("ids") permit (principal, action in Action::"Read", resource) when { context has field_name && context.field_name == "user_id" };
@id("unknown") @reason("field_unknown") forbid (principal, action in Action::"Read", resource) unless { context has field_name };`+noAddresses))
	if err != nil {
		t.Fatal(err)
	}
	v := newPoliced(t, p)
	for key, entry := range map[string]string{
		"absent": "DENIED field_unknown by unknown", "address": "DENIED field_not_allowed by no-addresses", "health": "DENIED policy_denied by",
	} {
		for method, keys := range map[string]string{
			"ReadPiiRecord":  `"modified_value":"` + key + `"`,
			"ReadPiiRecords": `"modified_values":["` + key + `"]`,
		} {
			status, answer := v.post(t, "ann", method, `{`+keys+`,"processing_basis":"CONTRACT"}`)
			if status != http.StatusForbidden || reasonIn(t, answer) != "field_unknown" {
				t.Errorf("%s of %s: %d %s", method, key, status, answer)
			}
			if got := v.latest(t); got != entry {
				t.Errorf("%s of %s: the entry says %q, want %q", method, key, got, entry)
			}
		}
	}
	_, answer := v.post(t, "ann", "ReadPiiRecords", `{"modified_values":["address","id"],"processing_basis":"CONTRACT"}`)
	if reasonIn(t, answer) != "field_unknown" || !strings.Contains(answer, canary) {
		t.Errorf("a batch of one that is denied and one that is not: %s", answer)
	}
}
