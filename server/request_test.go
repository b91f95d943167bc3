package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestStrictJSON sends what Twirp's code would take for something else. Nothing is stored, read or
// recorded, and nothing of the body is logged.
func TestStrictJSON(t *testing.T) {
	s := newMemServer(t, nil)
	s.put(t, "k")
	const basis = `"processing_basis":"CONSENT"`
	for _, c := range []struct{ method, token, body, code, reason, argument string }{
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":"k","origin_value":"x"}}`, "invalid_argument", "unknown_field", "pii_record.origin_value"},
		{"CreatePiiRecords", "dev-writer", `{"pii_records":[{"modified_value":"k","original_value":"x"},{"source":{"shema":"x"}}]}`, "invalid_argument", "unknown_field", "pii_records[1].source.shema"},
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":"k","CANARY@acme.com":"x"}}`, "invalid_argument", "unknown_field", "pii_record"},
		{"CreatePiiRecord", "dev-writer", `{"CANARY@acme.com":"x"}`, "invalid_argument", "unknown_field", "body"},
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":"k"}}`, "invalid_argument", "original_value_required", "pii_record.original_value"},
		{"CreatePiiRecords", "dev-writer", `{"pii_records":[{"modified_value":"k","original_value":""},{"modified_value":"k","originalValue":null}]}`, "invalid_argument", "original_value_required", "pii_records[1].original_value"},
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":5}}`, "invalid_argument", "modified_value_wrong_type", "pii_record.modified_value"},
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":"","original_value":""}}`, "invalid_argument", "modified_value_required", "pii_record.modified_value"},
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":"k","original_value":"\ud800"}}`, "invalid_argument", "original_value_not_utf8", "pii_record.original_value"},
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":"k","original_value":"","source":{"hash_function":"\u0007"}}}`, "invalid_argument", "hash_function_control_character", "pii_record.source.hash_function"},
		{"CreatePiiRecord", "dev-writer", `{"pii_record":{"modified_value":"k","original_value":"","source":{"hash_function":7}}}`, "invalid_argument", "hash_function_wrong_type", "pii_record.source.hash_function"},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k",` + basis + `,"referance":"r"}`, "invalid_argument", "unknown_field", "referance"},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k",` + basis + `,"special_category_conditn":"ART9_PUBLIC_HEALTH"}`, "invalid_argument", "unknown_field", "special_category_conditn"},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k",` + basis + `,"special_category_condition":"HEALTH"}`, "invalid_argument", "special_category_condition_unknown", "special_category_condition"},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k","processing_basis":"consent"}`, "invalid_argument", "processing_basis_unknown", "processing_basis"},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k","processing_basis":1}`, "invalid_argument", "processing_basis_unknown", "processing_basis"},
		{"ListEntries", "dev-auditor", `{"outcomes":["DENIED",1]}`, "invalid_argument", "outcomes_unknown", "outcomes[1]"},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k",` + basis + `,"processingBasis":"CONTRACT"}`, "invalid_argument", "processing_basis_duplicate", "processing_basis"},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k",` + basis + `}{"modified_value":"CANARY"}`, "malformed", "more_than_one_document", ""},
		{"ReadPiiRecord", "dev-reader", `{"modified_value":"k",` + basis + `} CANARY`, "malformed", "more_than_one_document", ""},
		{"ReadPiiRecord", "dev-reader", "\ufeff" + `{"modified_value":"k",` + basis + `}`, "malformed", "not_json", ""},
		{"ReadPiiRecord", "dev-reader", ``, "malformed", "not_json", ""},
		{"DeletePiiRecord", "dev-eraser", `{"modified_value":"k","referance":"r"}`, "invalid_argument", "unknown_field", "referance"},
	} {
		for _, contentType := range []string{"application/json", "application/json; charset=utf-8", " Application/JSON ;charset=UTF-8"} {
			service := map[bool]string{true: "Audit", false: "Piinguin"}[c.token == "dev-auditor"]
			status, answer := s.sendAs(t, contentType, http.MethodPost, "/twirp/piinguin.v1."+service+"/"+c.method, c.token, strings.NewReader(c.body))
			named := c.argument == "" || strings.Contains(answer, `"argument":"`+c.argument+`"`)
			if status != http.StatusBadRequest || !named || !strings.Contains(answer, `"code":"`+c.code+`"`) || !strings.Contains(answer, `"reason":"`+c.reason+`"`) {
				t.Errorf("%s %s as %q: %d %s, want %s %s %s", c.method, c.body, contentType, status, answer, c.code, c.reason, c.argument)
			}
			if strings.Contains(answer, "CANARY") {
				t.Errorf("%s: the answer quotes the body: %s", c.method, answer)
			}
		}
	}
	if entries := s.outcomes(t); len(entries) != 0 {
		t.Errorf("entries %q", entries)
	}
	if status, answer := s.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/ReadPiiRecord", "dev-reader", strings.NewReader(`{"modifiedValue":"k",`+basis+`}`)); status != http.StatusOK || !strings.Contains(answer, canary) {
		t.Errorf("the record was changed: %d %s", status, answer)
	}
}

// TestProtobufIsLenient: a field that the server does not know is passed over, as protobuf's rules
// say.
func TestProtobufIsLenient(t *testing.T) {
	s := newMemServer(t, nil)
	if status, answer := s.sendProto(t, "DeletePiiRecord", "dev-eraser", strings.NewReader("\x1a\x01k\xfa\x01\x01x")); status != http.StatusOK {
		t.Errorf("an unknown field: %d %s", status, answer)
	}
}

// TestEnumsAreNamed: whatever is no name of an enum, the answer says which there are. A number of protobuf
// that the decoder would cut is not taken for the name of its low bits.
func TestEnumsAreNamed(t *testing.T) {
	s := newMemServer(t, nil)
	s.put(t, "k")
	const bases = "must be CONSENT, CONTRACT, LEGAL_OBLIGATION, VITAL_INTERESTS, PUBLIC_TASK or LEGITIMATE_INTERESTS"
	for _, body := range []string{`"consent"`, `1`, `1.0`, `-1`, `"1"`} {
		status, answer := s.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/ReadPiiRecord", "dev-reader", strings.NewReader(`{"modified_value":"k","processing_basis":`+body+`}`))
		if status != http.StatusBadRequest || !strings.Contains(answer, `"processing_basis_unknown"`) || !strings.Contains(answer, bases) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	for what, c := range map[string]struct{ body, want string }{
		"an unknown basis":        {"\x1a\x01k\x20\x07", bases},
		"a basis of 2^32+1":       {"\x1a\x01k\x20\x81\x80\x80\x80\x10", bases},
		"a condition of 2^32+1":   {"\x1a\x01k\x20\x01\x40\x81\x80\x80\x80\x10", "ART9_PUBLIC_HEALTH or ART9_ARCHIVING_AND_RESEARCH"},
		"an unknown condition":    {"\x1a\x01k\x20\x01\x40\x0b", "ART9_PUBLIC_HEALTH or ART9_ARCHIVING_AND_RESEARCH"},
		"a basis of 64 bits (-1)": {"\x1a\x01k\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", bases},
	} {
		if status, answer := s.sendProto(t, "ReadPiiRecord", "dev-reader", strings.NewReader(c.body)); status != http.StatusBadRequest || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
	if status, answer := s.sendAs(t, "application/protobuf", http.MethodPost, "/twirp/piinguin.v1.Audit/ListEntries", "dev-auditor", strings.NewReader("\x40\x81\x80\x80\x80\x10")); !strings.Contains(answer, `"not_protobuf"`) {
		t.Errorf("a page_size of 2^32+1: %d %s", status, answer)
	}
	if entries := s.outcomes(t); len(entries) != 0 {
		t.Errorf("entries %q", entries)
	}
}

// TestHeadersOfBodies: a body is taken as it stands, so headers that say it is something else are refused
// by their names, in either format and whatever the body is. A text in another charset would be stored wrong.
func TestHeadersOfBodies(t *testing.T) {
	s := newMemServer(t, nil)
	for _, c := range []struct {
		contentType, encoding, reason string
		status                        int
	}{
		{"application/json", "gzip", "content_encoding", 400},
		{"application/json", "identity, gzip", "content_encoding", 400},
		{"application/protobuf", "br", "content_encoding", 400},
		{"application/json; charset=iso-8859-1", "", "charset", 400},
		{`application/json;CHARSET="utf-16"`, "identity", "charset", 400},
		{"application/protobuf; charset=us-ascii", "", "charset", 400},
		{"application/json; charset", "", "bad_route", 404},
		{"text/plain; charset=utf-8", "", "bad_route", 404},
		{"application/json", "Identity", "modified_value_required", 400},
		{`application/json; charset="utf-8"`, "", "modified_value_required", 400},
		{"application/json; profile=x", "", "modified_value_required", 400},
		{"application/protobuf", "identity", "modified_value_required", 400},
	} {
		body := `{"processing_basis":"CONSENT"}`
		if strings.Contains(c.contentType, "protobuf") {
			body = "\x20\x01"
		}
		header := http.Header{"Content-Type": {c.contentType}, "Authorization": {"Bearer dev-reader"}, "Content-Encoding": {"identity", c.encoding}}
		status, answer := s.sendWith(t, header, http.MethodPost, "/twirp/piinguin.v1.Piinguin/ReadPiiRecord", strings.NewReader(body))
		if status != c.status || !strings.Contains(answer, `"reason":"`+c.reason+`"`) {
			t.Errorf("%+v: %d %s", c, status, answer)
		}
	}
}

// TestTimesOutOfRange: the zero time is not taken for an absent one, and no time is rounded out of the calendar.
func TestTimesOutOfRange(t *testing.T) {
	s := newMemServer(t, nil)
	s.put(t, "k")
	if _, err := s.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("k")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ body, want string }{
		{`{"to":"0001-01-01T00:00:00Z"}`, `"reason":"to_out_of_range"`},
		{`{"from":"0001-01-01T00:00:00Z"}`, `"reason":"from_out_of_range"`},
		{`{"to":"9999-12-31T23:59:59.9999999Z"}`, `"reason":"to_out_of_range"`},
		{`{"to":"0002-01-01T00:00:00Z"}`, `"entries":[]`},
		{`{"to":"9999-12-31T23:59:59.999999Z","subjects":["k"]}`, `"modified_value":"k"`},
		{`{"from":"0002-01-01T00:00:00.0000001Z","subjects":["k"]}`, `"modified_value":"k"`},
		{`{"operations":["REVIEW"]}`, `from=0002-01-01T00:00:00.0000001Z`},
	} {
		if _, answer := s.send(t, http.MethodPost, "/twirp/piinguin.v1.Audit/ListEntries", "dev-auditor", strings.NewReader(c.body)); !strings.Contains(answer, c.want) {
			t.Errorf("%s: %s, want %s", c.body, answer, c.want)
		}
	}
	_, answer := s.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/CreatePiiRecord", "dev-writer",
		strings.NewReader(`{"pii_record":{"modified_value":"k","original_value":"x","observed_at":"0001-01-01T00:00:00Z"}}`))
	if !strings.Contains(answer, `"reason":"observed_at_out_of_range"`) {
		t.Errorf("observed_at: %s", answer)
	}
}

// TestBadRoutes: whatever is wrong with a route, the answer has a reason and quotes nothing.
func TestBadRoutes(t *testing.T) {
	s := newMemServer(t, nil)
	const read = "/twirp/piinguin.v1.Piinguin/ReadPiiRecord"
	for what, c := range map[string]struct{ method, path, contentType string }{
		"a GET":                    {http.MethodGet, read, "application/json"},
		"a PUT":                    {http.MethodPut, read, "application/json"},
		"an unknown method":        {http.MethodPost, "/twirp/piinguin.v1.Piinguin/CANARY", "application/json"},
		"an unknown service":       {http.MethodPost, "/twirp/CANARY/ReadPiiRecord", "application/json"},
		"another service's method": {http.MethodPost, "/twirp/piinguin.v1.Audit/ReadPiiRecord", "application/json"},
		"a path below a method":    {http.MethodPost, read + "/CANARY", "application/json"},
		"a slash":                  {http.MethodPost, read + "/", "application/json"},
		"no path":                  {http.MethodPost, "/twirp/", "application/json"},
		"another content type":     {http.MethodPost, read, "text/CANARY"},
		"no content type":          {http.MethodPost, read, ""},
		"a longer content type":    {http.MethodPost, read, "application/json-seq; CANARY"},
	} {
		status, answer := s.sendAs(t, c.contentType, c.method, c.path, "dev-reader", strings.NewReader(`{"modified_value":"k"}`))
		if status != http.StatusNotFound || !strings.Contains(answer, `"reason":"bad_route"`) || strings.Contains(answer, "CANARY") || strings.Contains(answer, "twirp_invalid_route") {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
}
