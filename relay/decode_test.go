package relay_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

func TestDecodeSamples(t *testing.T) {
	lines := append(sampleLines(t, "pii_events.tsv"), sampleLines(t, "pii_events.jsonl")...)
	type outcome struct {
		Pairs   int
		Skipped bool
		Reason  relay.Reason
	}
	var got []outcome
	stored := map[string]string{}
	for _, l := range lines {
		e, reason := relay.Decode([]byte(l))
		got = append(got, outcome{len(e.Records()), reason == "" && e.Skipped(), reason})
		for _, r := range e.Records() {
			stored[r.ModifiedValue] = r.OriginalValue
		}
	}
	want := []outcome{{Pairs: 2}, {Pairs: 6}, {Pairs: 1}, {Pairs: 4}, {Skipped: true}, {Reason: relay.ReasonFields}, {Pairs: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(samplePairs(t), stored); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
}

func TestDecodeKeepsTheSource(t *testing.T) {
	second := mustDecode(t, sampleLines(t, "pii_events.tsv")[1])[0].Records()
	flat := mustDecode(t, sampleLines(t, "pii_events.jsonl")[0])[0].Records()
	wrapped := mustDecode(t, sampleLines(t, "pii_events.tsv")[2])[0].Records()
	got := []*piinguinv1.PiiRecord{second[3], wrapped[0], flat[0]}
	want := []*piinguinv1.PiiRecord{
		{
			ModifiedValue: "1c6660411341411d5431669699149283d10e070224be4339d52bbc4b007e78c5",
			OriginalValue: "bob@acme.com",
			ObservedAt:    timestamppb.New(time.Date(2018, 7, 12, 11, 1, 20, 125e6, time.UTC)),
			Source: &piinguinv1.Source{
				FieldName: "contexts", JsonPath: "$.data.emailAddress2", Schema: "iglu:com.acme/email_sent/jsonschema/1-1-0",
				HashFunction: "SHA-256", ParentEventId: "5b1f6c0a-6a0f-4a74-9f0e-0b8a1f6f7d22",
			},
		},
		{
			ModifiedValue: "651fefaf2f9be2bb5fbf399520bfc8c324e5e56cfc1b9dd508430424dd0df275",
			OriginalValue: "wrapped@acme.com",
			ObservedAt:    timestamppb.New(time.Date(2018, 7, 12, 11, 2, 0, 0, time.UTC)),
			Source: &piinguinv1.Source{
				FieldName: "unstruct_event", JsonPath: "$.email", Schema: "iglu:com.acme/signup/jsonschema/1-0-0",
				HashFunction: "SHA-256", ParentEventId: "7e0d1c2b-3a49-4857-9665-748392a1b0c3",
			},
		},
		{
			ModifiedValue: "904bcc4217349a0cb4744ff334b54c968784c919b80b055652f7d570534fb454",
			OriginalValue: "flat@acme.com",
			ObservedAt:    timestamppb.New(time.Date(2018, 7, 12, 11, 5, 0, 0, time.UTC)),
			Source: &piinguinv1.Source{
				FieldName: "user_id", HashFunction: "SHA-256", ParentEventId: "3c4d5e6f-7081-4293-a4b5-c6d7e8f90a1b",
			},
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// The first parent counts, whatever the order of the names.
func TestDecodeFindsTheParent(t *testing.T) {
	const schema = `"schema":"iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-0-0"`
	parent := func(id string) string { return `"data":{"other":[1],"parentEventId":"` + id + `"}` }
	for name, contexts := range map[string]string{
		"schema first":  `{` + schema + `,` + parent("first") + `}`,
		"schema last":   `{` + parent("first") + `,` + schema + `}`,
		"two":           `{` + schema + `,` + parent("first") + `},{` + schema + `,` + parent("second") + `}`,
		"behind others": `{"schema":"iglu:com.acme/x/jsonschema/1-0-0",` + parent("second") + `},{` + parent("first") + `,` + schema + `}`,
	} {
		f := strings.Split(pairsLine(tstamp, "m", ""), "\t")
		f[52] = `{"schema":"","data":[` + contexts + `]}`
		if have := mustDecode(t, strings.Join(f, "\t"))[0].Records()[0].Source.ParentEventId; have != "first" {
			t.Errorf("%s: the parent is %q", name, have)
		}
	}
}

// item is the JSON of one pojo item of two raw JSON values.
func item(modified, original string) string {
	return `{"pojo":[{"fieldName":"f","modifiedValue":` + modified + `,"originalValue":` + original + `}]}`
}

func TestDecodeReasons(t *testing.T) {
	good := line(tstamp, item(`"m"`, `"c4n4ry"`))
	pii := "iglu:com.snowplowanalytics.snowplow/pii_transformation/jsonschema/"
	long := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	withContexts := func(contexts string) string {
		f := strings.Split(good, "\t")
		f[52] = contexts
		return strings.Join(f, "\t")
	}
	flat := func(key, value string) string {
		return `{"event_name":"pii_transformation","collector_tstamp":"2024-03-01T10:00:00Z","` + key + `":` + value + `}`
	}
	const flatKey = "unstruct_event_com_snowplowanalytics_snowplow_pii_transformation_1"
	for name, tc := range map[string]struct {
		line string
		want relay.Reason
	}{
		"good":                {good, ""},
		"line end":            {good + "\r\n", ""},
		"empty":               {"", relay.ReasonEmpty},
		"only a line end":     {"\n", relay.ReasonEmpty},
		"two lines":           {good + "\n" + good, relay.ReasonManyLines},
		"two lines, one cut":  {good + "\n{}", relay.ReasonManyLines},
		"invalid UTF-8":       {strings.Replace(good, canary, canary+"\xff", 1), relay.ReasonEncoding},
		"130 fields":          {strings.TrimSuffix(good, "\t"), relay.ReasonFields},
		"132 fields":          {good + "\t", relay.ReasonFields},
		"JSON cut":            {good[:len(good)/2] + strings.Repeat("\t", 131-1-strings.Count(good[:len(good)/2], "\t")), relay.ReasonJSON},
		"model 2":             {strings.Replace(good, pii+"1-0-0", pii+"2-0-0", 1), relay.ReasonSchema},
		"model 1-2-3":         {strings.Replace(good, pii+"1-0-0", pii+"1-2-3", 1), ""},
		"schema cut":          {strings.Replace(good, pii+"1-0-0", pii+"1-0", 1), relay.ReasonSchema},
		"schema a word":       {strings.Replace(good, pii+"1-0-0", pii+"1-0-x", 1), relay.ReasonSchema},
		"schema a number":     {tsv(tstamp, "pii_transformation", `{"data":{"schema":7,"data":"c4n4ry"}}`), relay.ReasonShape},
		"schema last":         {tsv(tstamp, "pii_transformation", `{"data":{"data":{"pii":`+item(`"m"`, `"c4n4ry"`)+`},"schema":"`+pii+`1-0-0"}}`), ""},
		"other vendor":        {strings.Replace(good, pii, "iglu:com.c4n4ry/pii_transformation/jsonschema/", 1), relay.ReasonSchema},
		"unstruct alone":      {strings.ReplaceAll(good, "\tpii_transformation\t", "\t\t"), ""},
		"unstruct, model 2":   {strings.Replace(strings.ReplaceAll(good, "\tpii_transformation\t", "\t\t"), pii+"1", pii+"2", 1), relay.ReasonSchema},
		"no unstruct":         {tsv(tstamp, "pii_transformation", ""), relay.ReasonJSON},
		"data a list":         {tsv(tstamp, "pii_transformation", `{"data":["c4n4ry"]}`), relay.ReasonShape},
		"no time":             {line("", item(`"m"`, `""`)), relay.ReasonTime},
		"time of c4n4ry":      {line("c4n4ry", item(`"m"`, `""`)), relay.ReasonTime},
		"year 0":              {line("0000-01-01 00:00:00", item(`"m"`, `""`)), relay.ReasonTime},
		"contexts cut":        {withContexts(`{"data":[{"c4n4ry`), relay.ReasonContexts},
		"parent a number":     {withContexts(`{"data":[{"schema":"iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-0-0","data":7}]}`), relay.ReasonContexts},
		"other contexts":      {withContexts(`{"data":[{"schema":"iglu:com.acme/x/jsonschema/1-0-0","data":7}]}`), ""},
		"parent without data": {withContexts(`{"data":[{"schema":"iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-0-0"}]}`), ""},
		"contexts a list":     {withContexts(`["c4n4ry"]`), relay.ReasonContexts},
		"no lists":            {line(tstamp, `{}`), relay.ReasonNoPairs},
		"null":                {line(tstamp, `null`), relay.ReasonNoPairs},
		"empty lists":         {line(tstamp, `{"pojo":[],"json":null}`), relay.ReasonNoPairs},
		"pojo an object":      {line(tstamp, `{"pojo":{"modifiedValue":"c4n4ry"}}`), relay.ReasonShape},
		"item null":           {line(tstamp, `{"pojo":[null]}`), relay.ReasonModifiedMissing},
		"no modified":         {line(tstamp, `{"pojo":[{"originalValue":"c4n4ry"}]}`), relay.ReasonModifiedMissing},
		"modified a number":   {line(tstamp, item(`7`, `""`)), relay.ReasonModifiedType},
		"modified empty":      {line(tstamp, item(`""`, `"c4n4ry"`)), relay.ReasonModifiedLimits},
		"modified 128":        {line(tstamp, item(long(128), `""`)), ""},
		"modified 129":        {line(tstamp, item(long(129), `""`)), relay.ReasonModifiedLimits},
		"modified a control":  {line(tstamp, item(`"a\u0085"`, `""`)), relay.ReasonModifiedLimits},
		"no original":         {line(tstamp, `{"pojo":[{"modifiedValue":"m"}]}`), relay.ReasonOriginalMissing},
		"original null":       {line(tstamp, item(`"m"`, `null`)), relay.ReasonOriginalType},
		"original a number":   {line(tstamp, item(`"m"`, `7`)), relay.ReasonOriginalType},
		"original an object":  {line(tstamp, item(`"m"`, `{"c4n4ry":1}`)), relay.ReasonOriginalType},
		"original empty":      {line(tstamp, item(`"m"`, `""`)), ""},
		"original a control":  {line(tstamp, item(`"m"`, `"\u0000\n"`)), ""},
		"original 32 KiB":     {line(tstamp, item(`"m"`, long(32<<10))), ""},
		"original longer":     {line(tstamp, item(`"m"`, long(32<<10+1))), relay.ReasonOriginalLimits},
		"surrogate pair":      {line(tstamp, item(`"m"`, `"\ud83d\uDE00"`)), ""},
		"half, first":         {line(tstamp, item(`"m"`, `"c4n4ry\ud83d"`)), relay.ReasonSurrogate},
		"half, then text":     {line(tstamp, item(`"m"`, `"\ud83dx\ude00"`)), relay.ReasonSurrogate},
		"half, second":        {line(tstamp, item(`"m"`, `"\ude00"`)), relay.ReasonSurrogate},
		"half, twice":         {line(tstamp, item(`"m"`, `"\ud83d\ud83d\ude00"`)), relay.ReasonSurrogate},
		"escaped backslash":   {line(tstamp, item(`"m"`, `"\\ud83d"`)), ""},
		"replacement itself":  {line(tstamp, item(`"m"`, `"\ufffd"`)), ""},
		"source a number":     {line(tstamp, `{"json":[{"modifiedValue":"m","originalValue":"","jsonPath":7}]}`), relay.ReasonShape},
		"source 512":          {line(tstamp, `{"json":[{"modifiedValue":"m","originalValue":"","jsonPath":`+long(512)+`}]}`), ""},
		"source 513":          {line(tstamp, `{"json":[{"modifiedValue":"m","originalValue":"","jsonPath":`+long(513)+`}]}`), relay.ReasonSourceLimits},
		"source a control":    {line(tstamp, `{"json":[{"modifiedValue":"m","originalValue":"","schema":"\n"}]}`), relay.ReasonSourceLimits},
		"wrapped in pojo":     {line(tstamp, `{"pojo":[{"fieldMapping":{"modifiedValue":"m","originalValue":""}}]}`), ""},
		"bad wrapped":         {line(tstamp, `{"json":[{"fieldMapping":{"originalValue":"c4n4ry"}}]}`), relay.ReasonModifiedMissing},
		"second item bad":     {pairsLine(tstamp, "m", canary, "", canary), relay.ReasonModifiedLimits},
		"flat":                {flat(flatKey, `{"pii":`+item(`"m"`, `""`)+`}`), ""},
		"flat cut":            {flat(flatKey, `{"pii":"c4n4ry`), relay.ReasonJSON},
		"flat twice":          {flat(flatKey, `{}`) + "{}", relay.ReasonJSON},
		"flat, model 2":       {flat(strings.Replace(flatKey, "_1", "_2", 1), `{}`), relay.ReasonSchema},
		"flat, null":          {flat(flatKey, `null`), relay.ReasonSchema},
		"flat, parents bad":   {flat("contexts_com_snowplowanalytics_snowplow_parent_event_1", `"c4n4ry","`+flatKey+`":{}`), relay.ReasonContexts},
		"flat, no time":       {`{"` + flatKey + `":{}}`, relay.ReasonTime},
		"flat, time a number": {`{"collector_tstamp":7,"` + flatKey + `":{}}`, relay.ReasonTime},
	} {
		t.Run(name, func(t *testing.T) {
			e, reason := relay.Decode([]byte(tc.line))
			if reason != tc.want {
				t.Errorf("reason %q, want %q", reason, tc.want)
			}
			if (reason == "") == e.Skipped() {
				t.Errorf("%d pairs with the reason %q", len(e.Records()), reason)
			}
		})
	}
}

// upperNames writes the names of an object in upper case, as Snowflake unloads them.
func upperNames(object string) string {
	return regexp.MustCompile(`"[a-z_0-9]+":`).ReplaceAllStringFunc(object, strings.ToUpper)
}

func TestDecodeSkipsOtherEvents(t *testing.T) {
	other := `{"data":{"schema":"iglu:com.acme/click/jsonschema/1-0-0","data":{"url":"/pii_transformation"}}}`
	view := strings.TrimSuffix(relaytest.PageView, "}")
	click := strings.NewReplacer(`"event":"page_view"`, `"event":"unstruct"`, `"event_name":"page_view",`, "").Replace(view)
	for name, l := range map[string]string{
		"page view":          tsv("", "page_view", ""),
		"unstruct":           tsv("", "click", other),
		"unstruct not JSON":  tsv("", "click", "{"),
		"JSON":               relaytest.PageView,
		"JSON, event alone":  strings.Replace(relaytest.PageView, `"event_name":"page_view"`, `"event_name":null`, 1),
		"JSON in upper case": upperNames(relaytest.PageView),
		"JSON, schema alone": click + `,"unstruct_event_com_acme_click_1":{"url":"` + strings.Repeat("/", 99) + `"}}`,
		"JSON, PII null":     view + `,"unstruct_event_com_snowplowanalytics_snowplow_pii_transformation_1":null}`,
		"JSON, whole":        click + `,"unstruct_event":` + other + `}`,
		"JSON, more columns": view + `,"load_tstamp":"2024-03-01T10:00:00.000Z","_shard":{"id":7}}`,
		"EventBridge":        `{"detail-type":"x","detail":` + relaytest.PageView + `}`,
		"payload":            payload(tsv("", "page_view", "")),
		"event without name": strings.Replace(tsv("", "page_view", ""), "page_view\t\t\t\t", "\t\t\t\t", 1),
	} {
		if e, reason := relay.Decode([]byte(l)); reason != "" || !e.Skipped() {
			t.Errorf("%s: %d pairs, reason %q", name, len(e.Records()), reason)
		}
	}
}

func TestDecodeKeepsOriginalsToTheByte(t *testing.T) {
	for _, original := range []string{"", " a ", "Žluťoučký\u0000", "👩‍👩‍👧", `\u0041"`, "\t\n", "\ufffd", "a<b>&"} {
		got := mustDecode(t, pairsLine(tstamp, "m", original))[0].Records()[0].OriginalValue
		if got != original {
			t.Errorf("stored %q for %q", got, original)
		}
	}
}

func TestEventDoesNotPrint(t *testing.T) {
	e := mustDecode(t, pairsLine(tstamp, "m", canary))[0]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		wantNoCanary(t, verb, fmt.Sprintf(verb, e), fmt.Sprintf(verb, &e), fmt.Sprintf(verb, []relay.Event{e}))
	}
	text, err := json.Marshal(e) //nolint:staticcheck // that nothing is exported is what is tested
	if err != nil {
		t.Fatal(err)
	}
	wantNoCanary(t, "JSON", string(text))
}

// FuzzDecode: whatever a line holds, a reason is one of the fixed texts, and what
// is accepted is within the contract's limits.
func FuzzDecode(f *testing.F) {
	for _, l := range []string{
		line(tstamp, item(`"m"`, `"c4n4ry"`)), line("c4n4ry", `{"json":[{"fieldMapping":{}}]}`),
		`{"event":"pii_transformation"}`, tsv(tstamp, "pii_transformation", `{"data":"c4n4ry"}`),
		line(tstamp, item(`"m"`, `"\ud800\\\u0041"`)), "\t\t\xff", "\ufeff {}", payload(line(tstamp, item(`"m"`, `""`))),
		`{"detail":{"detail":{"payload":""}}}`, `{"EVENT":"x","event":"pii_transformation","collector_tstamp":1}`,
	} {
		f.Add([]byte(l))
	}
	known := []relay.Reason{
		"", relay.ReasonEmpty, relay.ReasonManyLines, relay.ReasonEncoding, relay.ReasonFields, relay.ReasonJSON,
		relay.ReasonUnknown, relay.ReasonPayload, relay.ReasonShape, relay.ReasonSchema, relay.ReasonTime, relay.ReasonContexts, relay.ReasonNoPairs,
		relay.ReasonModifiedMissing, relay.ReasonModifiedType, relay.ReasonModifiedLimits, relay.ReasonOriginalMissing,
		relay.ReasonOriginalType, relay.ReasonOriginalLimits, relay.ReasonSourceLimits, relay.ReasonSurrogate,
	}
	f.Fuzz(func(t *testing.T, l []byte) {
		before := slices.Clone(l)
		e, reason := relay.Decode(l)
		if !slices.Contains(known, reason) {
			t.Fatal("a reason that is not of the closed set")
		}
		if reason != "" && !e.Skipped() {
			t.Fatal("pairs beside a reason")
		}
		if fmt.Sprintf("%+v", e) != fmt.Sprintf("relay.Event of %d pairs", len(e.Records())) {
			t.Fatal("an event prints what it holds")
		}
		for _, r := range e.Records() {
			if n := len(r.ModifiedValue); n < 1 || n > 128 || len(r.OriginalValue) > 32<<10 || !utf8.ValidString(r.OriginalValue) {
				t.Fatal("a record beyond the limits")
			}
			if _, err := proto.Marshal(r); err != nil {
				t.Fatal("a record that cannot be sent")
			}
		}
		if !slices.Equal(before, l) {
			t.Fatal("the line was changed")
		}
	})
}
