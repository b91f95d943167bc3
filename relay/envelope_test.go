package relay_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// TestDecodeReadsEnvelopesThatNameAnEvent: messages and change records have an event of
// their own, which says nothing about what they carry.
func TestDecodeReadsEnvelopesThatNameAnEvent(t *testing.T) {
	of := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	whole := strings.TrimSuffix(relaytest.PageView, "}")
	for name, test := range map[string]struct {
		line string
		want relay.Reason // "": its pair is read
	}{
		"a message":                  {`{"event":"message","payload":"` + of(formTSV()) + `"}`, ""},
		"payload first":              {`{"payload":"` + of(formFlat) + `","event_name":"page_view"}`, ""},
		"detail":                     {`{"event_name":"page_view","detail":` + formFlat + `}`, ""},
		"putRecord":                  {`{"event":"putRecord","detail":` + formFlat + `}`, ""},
		"named as the event":         {`{"event_name":"pii_transformation","detail":` + formFlat + `}`, ""},
		"a whole event and detail":   {whole + `,"detail":` + formFlat + `}`, ""},
		"detail, then payload":       {`{"detail":` + relaytest.PageView + `,"payload":"` + of(formTSV()) + `"}`, ""},
		"a change record":            {`{"event":"INSERT","NewImage":` + formFlat + `}`, relay.ReasonUnknown},
		"data":                       {`{"event":"message","data":` + formFlat + `}`, relay.ReasonUnknown},
		"data, deeper":               {`{"event_name":"record","data":{"x":` + formFlat + `}}`, relay.ReasonUnknown},
		"a schema's name alone":      {`{"unstruct_event_com_acme_message_1":` + formFlat + `}`, relay.ReasonUnknown},
		"a whole event and data":     {whole + `,"data":"` + of(formTSV()) + `"}`, relay.ReasonUnknown},
		"a whole event and a text":   {whole + `,"payload":{"body":"` + of(formTSV()) + `"}}`, relay.ReasonUnknown},
		"in a context":               {whole + `,"contexts_com_acme_message_1":[` + strings.ToUpper(formFlat) + `]}`, relay.ReasonUnknown},
		"beside another's detail":    {`{"page_url":"` + of(formTSV()) + `","detail":` + relaytest.PageView + `}`, relay.ReasonUnknown},
		"a name that is an event":    {strings.Replace(relaytest.PageView, `"event_name":"page_view"`, `"event_name":"`+of("{}")+`"`, 1), relay.ReasonUnknown},
		"no id":                      {strings.Replace(relaytest.PageView, `"event_id"`, `"id"`, 1), relay.ReasonUnknown},
		"an id that is none":         {strings.Replace(relaytest.PageView, "c6ef3124-", "c6ef3124", 1), relay.ReasonUnknown},
		"no time":                    {strings.Replace(relaytest.PageView, `"collector_tstamp"`, `"time"`, 1), relay.ReasonUnknown},
		"an event of somebody else":  {strings.Replace(relaytest.PageView, `"event":"page_view"`, `"event":"view"`, 1), relay.ReasonUnknown},
		"unstruct, but not of what":  {strings.ReplaceAll(relaytest.PageView, `"page_view"`, `"unstruct"`), relay.ReasonUnknown},
		"unstruct of an unnamed one": {`{"event":"page_view","unstruct_event":{"data":{"data":"` + of(formTSV()) + `"}}}`, relay.ReasonUnknown},
	} {
		e, reason := relay.Decode([]byte(test.line))
		if reason != test.want || e.Skipped() != (test.want != "") {
			t.Errorf("%s: %d pairs and the reason %q, want %q", name, len(e.Records()), reason, test.want)
		}
	}
}

// TestDecodeNeverSkipsAnEnvelope: however an event is wrapped, and whatever stands beside
// it, its pairs are read or the record is quarantined. Only the fields that enriched events
// have belong to their event, whatever they hold.
func TestDecodeNeverSkipsAnEnvelope(t *testing.T) {
	names := []string{
		"event", "event_name", "event_id", "collector_tstamp", "payload", "detail", "data", "Records", "NewImage", "body",
		"message", "resources", "Event", "DETAIL", "value", "pii", "pii_transformation",
	}
	beside := []string{
		`"event":"message"`, `"event":"page_view"`, `"EVENT_NAME":"page_view"`, `"event":"unstruct"`, `"version":0`, `"data":null`,
		`"event_id":"c6ef3124-b53a-4b13-a233-0088f79dcbcb"`, `"collector_tstamp":"2024-03-01 10:00:00"`, `"detail":` + relaytest.PageView,
		`"unstruct_event_com_acme_click_1":{}`, strings.Trim(relaytest.PageView, "{}"), payload(relaytest.PageView)[1 : len(payload(relaytest.PageView))-1],
	}
	wraps := []func(name, value string) string{
		func(name, value string) string { return fmt.Sprintf(`"%s":%s`, name, value) },
		func(name, value string) string { return fmt.Sprintf(`"%s":[%s]`, name, value) },
		func(name, value string) string { return fmt.Sprintf(`"%s":{"x":%s}`, name, value) },
		func(name, value string) string { return fmt.Sprintf(`"%s":%q`, name, value) },
		func(name, value string) string {
			return fmt.Sprintf(`"%s":"%s"`, name, base64.StdEncoding.EncodeToString([]byte(value)))
		},
	}
	rapid.Check(t, func(rt *rapid.T) {
		line := rapid.SampledFrom([]string{formFlat, payload(formTSV()), payload(formFlat), `{` + formKey + `}`}).Draw(rt, "event")
		for range rapid.IntRange(1, 4).Draw(rt, "depth") {
			wrap := rapid.SampledFrom(wraps).Draw(rt, "wrap")
			members := rapid.SliceOfN(rapid.SampledFrom(beside), 0, 4).Draw(rt, "beside")
			members = append(members, wrap(rapid.SampledFrom(names).Draw(rt, "name"), line))
			line = "{" + strings.Join(rapid.Permutation(members).Draw(rt, "order"), ",") + "}"
		}
		if e, reason := relay.Decode([]byte(line)); reason == "" && e.Skipped() {
			rt.Fatalf("skipped: %s", line)
		}
	})
}
