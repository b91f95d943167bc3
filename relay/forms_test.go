package relay_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/relay"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// payload is an enriched TSV line as Enrich's SkinnyJson writes it.
func payload(line string) string {
	return `{"payload":"` + base64.StdEncoding.EncodeToString([]byte(line)) + `","collector":"sp.acme.com"}`
}

// The parts of one event, which every form carries.
const (
	formData    = `{"pii":{"pojo":[{"fieldName":"user_id","originalValue":"c4n4ry","modifiedValue":"m"}]},"strategy":{"pseudonymize":{"hashFunction":"SHA-256"}}}`
	formSnake   = `{"pii":{"pojo":[{"field_name":"user_id","original_value":"c4n4ry","modified_value":"m"}],"json":null},"strategy":{"pseudonymize":{"hash_function":"SHA-256"}}}`
	formKey     = `"unstruct_event_com_snowplowanalytics_snowplow_pii_transformation_1":` + formData
	formParents = `"contexts_com_snowplowanalytics_snowplow_parent_event_1":[{"parentEventId":"p"}]`
	formNames   = `"event":"pii_transformation","event_name":"pii_transformation"`
	formFlat    = `{"collector_tstamp":"2024-03-01T10:00:00.5Z",` + formNames + `,` + formKey + `,` + formParents + `}`

	formUnstruct = `{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":` +
		`{"schema":"iglu:com.snowplowanalytics.snowplow/pii_transformation/jsonschema/1-0-0","data":` + formData + `}}`
	formContexts = `{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[` +
		`{"schema":"iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-0-0","data":{"parentEventId":"p"}}]}`
)

func formTSV() string {
	f := strings.Split(tsv("2024-03-01 10:00:00.5", "pii_transformation", formUnstruct), "\t")
	f[52] = formContexts
	return strings.Join(f, "\t")
}

// TestDecodeForms: whatever carries a whole event is read, and gives the same record.
func TestDecodeForms(t *testing.T) {
	want := []*piinguinv1.PiiRecord{{
		ModifiedValue: "m", OriginalValue: canary, ObservedAt: timestamppb.New(time.Date(2024, 3, 1, 10, 0, 0, 5e8, time.UTC)),
		Source: &piinguinv1.Source{FieldName: "user_id", HashFunction: "SHA-256", ParentEventId: "p"},
	}}
	lossless := `{"collector_tstamp":"2024-03-01T10:00:00.5Z","event":"unstruct","event_name":"pii_transformation",` +
		`"unstruct_event":` + formUnstruct + `,"contexts":` + formContexts + `,"derived_contexts":{},"txn_id":null}`
	timed := func(tstamp string) string { return strings.Replace(formFlat, `"2024-03-01T10:00:00.5Z"`, tstamp, 1) }
	upper := func(text string, names ...string) string {
		for _, name := range names {
			text = strings.ReplaceAll(text, `"`+name+`"`, `"`+strings.ToUpper(name)+`"`)
		}
		return text
	}
	columns := []string{
		"collector_tstamp", "event", "event_name", "unstruct_event_com_snowplowanalytics_snowplow_pii_transformation_1",
		"contexts_com_snowplowanalytics_snowplow_parent_event_1", "unstruct_event", "contexts",
	}
	bridge := func(detail string) string {
		return `{"version":"0","id":"i","detail-type":"enrich-event","source":"enrich","time":"2025-01-01T00:00:00Z","resources":[],"detail":` + detail + `}`
	}
	versions := strings.NewReplacer("pii_transformation_1", "pii_transformation_1_0_0", "parent_event_1", "parent_event_1_0_0", formData, formSnake, "parentEventId", "parent_event_id")
	for name, line := range map[string]string{
		"TSV":                        formTSV(),
		"TSV with a mark":            "\ufeff" + formTSV(),
		"flattened":                  formFlat,
		"flattened, a mark, blanks":  "\ufeff \t" + formFlat + " \r\n",
		"flattened, no names":        strings.Replace(formFlat, formNames+",", "", 1),
		"lossless":                   lossless,
		"lossless, no names":         strings.Replace(lossless, `"event":"unstruct","event_name":"pii_transformation",`, "", 1),
		"Snowflake":                  upper(timed(`"2024-03-01 10:00:00.500"`), columns...),
		"Snowflake, lossless":        upper(lossless, columns...),
		"BigQuery, microseconds":     timed("1709287200500000"),
		"BigQuery, text of a number": timed(`"1709287200500000"`),
		"BigQuery, export":           versions.Replace(timed(`"2024-03-01 10:00:00.500 UTC"`)),
		"EventBridge":                bridge(formFlat),
		"EventBridge with a payload": bridge(strings.TrimSuffix(formFlat, "}") + "," + payload(formTSV())[1:]),
		"EventBridge of a payload":   bridge(payload(formTSV())),
		"SkinnyJson":                 payload(formTSV()),
		"SkinnyJson of JSON":         payload(formFlat),
	} {
		t.Run(name, func(t *testing.T) {
			e, reason := relay.Decode([]byte(line))
			if reason != "" {
				t.Fatal(reason)
			}
			if diff := cmp.Diff(want, e.Records(), protocmp.Transform()); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecodeQuarantinesWhatItDoesNotKnow: a record that names no kind of event may hold
// pairs, and is never taken for an event of another kind.
func TestDecodeQuarantinesWhatItDoesNotKnow(t *testing.T) {
	quoted, err := json.Marshal(formUnstruct)
	if err != nil {
		t.Fatal(err)
	}
	nested := payload(formTSV())
	for range 2 {
		nested = `{"detail":` + nested + `}`
	}
	click := `{"data":{"schema":"iglu:com.acme/click/jsonschema/1-0-0","data":{}}}`
	for name, test := range map[string]struct {
		line string
		want relay.Reason
	}{
		"empty object":        {`{}`, relay.ReasonUnknown},
		"names of other type": {`{"event_name":7,"event":null,"collector_tstamp":{}}`, relay.ReasonUnknown},
		"empty names":         {`{"event_name":"","event":""}`, relay.ReasonUnknown},
		"a name of junk":      {`{"event_name":"c4n4ry@acme.com"}`, relay.ReasonUnknown},
		"name in upper case":  {`{"event_name":"PII_TRANSFORMATION"}`, relay.ReasonUnknown},
		"unstruct alone":      {`{"event":"unstruct"}`, relay.ReasonUnknown},
		"a transformation":    {formData, relay.ReasonUnknown},
		"its schema and data": {formUnstruct, relay.ReasonUnknown},
		"a bad row":           {`{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/x/jsonschema/1-0-0","data":{"payload":"c4n4ry"}}`, relay.ReasonUnknown},
		"unknown envelope":    {`{"Records":[` + formFlat + `]}`, relay.ReasonUnknown},
		"detail a text":       {`{"detail":"c4n4ry"}`, relay.ReasonShape},
		"detail empty":        {`{"detail":{}}`, relay.ReasonUnknown},
		"too deep":            {nested, relay.ReasonUnknown},
		"payload not base64":  {`{"payload":"c4n4ry@"}`, relay.ReasonPayload},
		"payload empty":       {`{"payload":""}`, relay.ReasonEmpty},
		"payload cut":         {payload(formTSV()[:600]), relay.ReasonFields},
		"payload a number":    {`{"payload":7}`, relay.ReasonUnknown},
		"payload in itself":   {payload(payload(formTSV())), relay.ReasonUnknown},
		"event twice":         {`{"EVENT":"page_view","event":"page_view"}`, relay.ReasonShape},
		"pairs twice":         {strings.TrimSuffix(formFlat, "}") + `,` + strings.ToUpper(formKey[:67]) + formKey[67:] + `}`, relay.ReasonShape},
		"originals twice":     {strings.Replace(formFlat, `"originalValue"`, `"original_value":"x","originalValue"`, 1), relay.ReasonShape},
		"model 2, other name": {strings.Replace(strings.Replace(formFlat, "tion_1", "tion_2", 1), formNames, `"event_name":"x"`, 1), relay.ReasonSchema},
		"version 1_0":         {strings.Replace(formFlat, "tion_1", "tion_1_0", 1), relay.ReasonSchema},
		"model 10":            {strings.Replace(formFlat, "tion_1", "tion_10", 1), relay.ReasonSchema},
		"unstruct in a text":  {`{"event_name":"x","unstruct_event":` + string(quoted) + `}`, relay.ReasonShape},
		"milliseconds":        {strings.Replace(formFlat, `"2024-03-01T10:00:00.5Z"`, "1709287200500", 1), relay.ReasonTime},
		"a fraction":          {strings.Replace(formFlat, `"2024-03-01T10:00:00.5Z"`, "1.7e9", 1), relay.ReasonTime},
		"microseconds beyond": {strings.Replace(formFlat, `"2024-03-01T10:00:00.5Z"`, "999999999999999999", 1), relay.ReasonTime},
		"131 empty fields":    {strings.Repeat("\t", 130), relay.ReasonUnknown},
		"TSV, no name":        {tsv(tstamp, "", `{"data":{"data":{}}}`), relay.ReasonUnknown},
		"TSV, names of junk":  {tsv(tstamp, "c4n4ry@acme.com", ""), relay.ReasonUnknown},
		"TSV, unnamed JSON":   {tsv(tstamp, "", "c4n4ry"), relay.ReasonJSON},
		"only blanks":         {"\ufeff  ", relay.ReasonEmpty},
		"a list":              {"[" + formFlat + "]", relay.ReasonFields},
	} {
		t.Run(name, func(t *testing.T) {
			if e, reason := relay.Decode([]byte(test.line)); reason != test.want || !e.Skipped() {
				t.Errorf("%d pairs and the reason %q, want %q", len(e.Records()), reason, test.want)
			}
		})
	}
	if e, reason := relay.Decode([]byte(tsv("", "", click))); reason != "" || !e.Skipped() {
		t.Errorf("an event that only its schema names: %q", reason)
	}
}
