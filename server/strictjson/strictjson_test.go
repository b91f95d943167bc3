package strictjson_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/strictjson"
)

const maxItems = 3

// requests are the messages that a caller sends.
var requests = []proto.Message{
	&piinguinv1.CreatePiiRecordRequest{}, &piinguinv1.CreatePiiRecordsRequest{},
	&piinguinv1.ReadPiiRecordRequest{}, &piinguinv1.ReadPiiRecordsRequest{},
	&piinguinv1.DeletePiiRecordRequest{}, &piinguinv1.DeletePiiRecordsRequest{},
	&piinguinv1.ListEntriesRequest{}, &piinguinv1.SummarizeRequest{}, &piinguinv1.GetEntryRequest{}, &piinguinv1.GetCheckpointRequest{},
	&piinguinv1.ProveEntryRequest{}, &piinguinv1.ProveConsistencyRequest{},
}

func descriptor(m proto.Message) protoreflect.MessageDescriptor { return m.ProtoReflect().Descriptor() }

func check(m proto.Message, body string) *strictjson.Problem {
	return strictjson.Check([]byte(body), descriptor(m), maxItems)
}

// TestCheck holds bodies of a read to the kind of problem and its path.
func TestCheck(t *testing.T) {
	read := &piinguinv1.ReadPiiRecordRequest{}
	for body, want := range map[string]*strictjson.Problem{
		`{"modified_value":"k","processing_basis":"CONSENT","purpose":"p"}`: nil,
		`{"modifiedValue":"k","processingBasis":"CONSENT","onBehalfOf":""}`: nil,
		"\t{ } \r\n":                nil,
		`{"purpose":null}`:          nil,
		`{"processing_basis":1}`:    {Kind: strictjson.UnknownValue, Path: "processing_basis", Field: "processing_basis"},
		`{"processing_basis":1.0}`:  {Kind: strictjson.UnknownValue, Path: "processing_basis", Field: "processing_basis"},
		`{"processing_basis":null}`: nil,
		`{"processing_basis":"1"}`:  {Kind: strictjson.UnknownValue, Path: "processing_basis", Field: "processing_basis"},
		`{"modified\u005fvalue":1}`: {Kind: strictjson.WrongType, Path: "modified_value", Field: "modified_value"},

		`{"referance":"R-1"}`:                               {Kind: strictjson.UnknownField, Path: "referance", Named: true},
		`{"special_category_conditn":"ART9_PUBLIC_HEALTH"}`: {Kind: strictjson.UnknownField, Path: "special_category_conditn", Named: true},
		`{"special_category_condition":"HEALTH"}`:           {Kind: strictjson.UnknownValue, Path: "special_category_condition", Field: "special_category_condition"},
		`{"processing_basis":"consent"}`:                    {Kind: strictjson.UnknownValue, Path: "processing_basis", Field: "processing_basis"},
		`{"processing_basis":true}`:                         {Kind: strictjson.WrongType, Path: "processing_basis", Field: "processing_basis"},
		`{"processing_basis":[]}`:                           {Kind: strictjson.WrongType, Path: "processing_basis", Field: "processing_basis"},
		`{"purpose":["p"]}`:                                 {Kind: strictjson.WrongType, Path: "purpose", Field: "purpose"},
		`{"purpose":{}}`:                                    {Kind: strictjson.WrongType, Path: "purpose", Field: "purpose"},
		`{"purpose":"a","purpose":"b"}`:                     {Kind: strictjson.Duplicate, Path: "purpose", Field: "purpose"},
		`{"onBehalfOf":"a","on_behalf_of":"b"}`:             {Kind: strictjson.Duplicate, Path: "on_behalf_of", Field: "on_behalf_of"},
		`{"purpose":null,"purpose":"b"}`:                    {Kind: strictjson.Duplicate, Path: "purpose", Field: "purpose"},
		`{"alex@acme.com":1}`:                               {Kind: strictjson.UnknownField},
		`{"` + strings.Repeat("a", 65) + `":1}`:             {Kind: strictjson.UnknownField},
		`{"[piinguin.v1.x]":1}`:                             {Kind: strictjson.UnknownField},
		``:                                                  {Kind: strictjson.NotJSON},
		" ":                                                 {Kind: strictjson.NotJSON},
		"\ufeff{}":                                          {Kind: strictjson.NotJSON},
		"[]":                                                {Kind: strictjson.NotJSON},
		"null":                                              {Kind: strictjson.NotJSON},
		`"{}"`:                                              {Kind: strictjson.NotJSON},
		`{`:                                                 {Kind: strictjson.NotJSON},
		`{"purpose":"p",}`:                                  {Kind: strictjson.NotJSON},
		`{"purpose":}`:                                      {Kind: strictjson.NotJSON},
		`{"purpose":"` + "\xff" + `"}`:                      {Kind: strictjson.NotUTF8, Path: "purpose", Field: "purpose"},
		`{"purpose":"\ud800"}`:                              {Kind: strictjson.NotUTF8, Path: "purpose", Field: "purpose"},
		`{"purpose":"\udc00\ud800"}`:                        {Kind: strictjson.NotUTF8, Path: "purpose", Field: "purpose"},
		`{"purpose":"\ud800`:                                {Kind: strictjson.NotJSON},
		`{"\ud800":"p"}`:                                    {Kind: strictjson.UnknownField},
		`{"processing_basis":"\ud800"}`:                     {Kind: strictjson.UnknownValue, Path: "processing_basis", Field: "processing_basis"},
		`{"purpose":[1}`:                                    {Kind: strictjson.NotJSON},
		`{'purpose':"p"}`:                                   {Kind: strictjson.NotJSON},
		`{}{}`:                                              {Kind: strictjson.MoreThanOne},
		`{} garbage`:                                        {Kind: strictjson.MoreThanOne},
		`{},`:                                               {Kind: strictjson.MoreThanOne},
		"{}\x00":                                            {Kind: strictjson.MoreThanOne},
	} {
		if diff := cmp.Diff(want, check(read, body), cmpopts.IgnoreFields(strictjson.Problem{}, "Enum")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// TestCheckItems holds the paths into records and lists, and the bound of a list.
func TestCheckItems(t *testing.T) {
	create, creates, reads := &piinguinv1.CreatePiiRecordRequest{}, &piinguinv1.CreatePiiRecordsRequest{}, &piinguinv1.ReadPiiRecordsRequest{}
	list := &piinguinv1.ListEntriesRequest{}
	for _, c := range []struct {
		request proto.Message
		body    string
		want    *strictjson.Problem
	}{
		{create, `{"pii_record":{"modified_value":"k","original_value":null}}`, &strictjson.Problem{Kind: strictjson.Missing, Path: "pii_record.original_value", Field: "original_value"}},
		{create, `{"pii_record":{}}`, &strictjson.Problem{Kind: strictjson.Missing, Path: "pii_record.original_value", Field: "original_value"}},
		{create, `{"pii_record":{"originalValue":""}}`, nil},
		{create, `{"pii_record":null}`, nil},
		{create, `{"pii_record":{"modified_value":"k","original_value":"","observed_at":"2026-01-31T12:00:00.5Z","source":{"fieldName":"f"}}}`, nil},
		{create, `{"pii_record":{"modified_value":"k","origin_value":"x"}}`, &strictjson.Problem{Kind: strictjson.UnknownField, Path: "pii_record.origin_value", Named: true}},
		{create, `{"pii_record":{"alex@acme.com":"x"}}`, &strictjson.Problem{Kind: strictjson.UnknownField, Path: "pii_record"}},
		{create, `{"pii_record":"x"}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "pii_record", Field: "pii_record"}},
		{create, `{"pii_record":[{}]}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "pii_record", Field: "pii_record"}},
		{create, `{"pii_record":{"observed_at":"yesterday"}}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "pii_record.observed_at", Field: "observed_at"}},
		{create, `{"pii_record":{"observed_at":{}}}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "pii_record.observed_at", Field: "observed_at"}},
		{creates, `{"piiRecords":[{"original_value":""},{"source":{"schema":1}}]}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "pii_records[1].source.schema", Field: "schema"}},
		{creates, `{"pii_records":[{"original_value":""},null]}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "pii_records[1]", Field: "pii_records"}},
		{creates, `{"pii_records":{}}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "pii_records", Field: "pii_records"}},
		{creates, `{"pii_records":[{"original_value":""},{"original_value":""},{"original_value":""}]}`, nil},
		{creates, `{"pii_records":[{"original_value":""},{"original_value":""},{"original_value":""},`, &strictjson.Problem{Kind: strictjson.NotJSON}},
		{creates, `{"pii_records":[{"original_value":""},{"original_value":""},{"original_value":""},{"original_value":""}`, &strictjson.Problem{Kind: strictjson.TooMany, Path: "pii_records", Field: "pii_records"}},
		{reads, `{"modified_values":null}`, nil},
		{reads, `{"modified_values":["a",null]}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "modified_values[1]", Field: "modified_values"}},
		{reads, `{"modified_values":"a"}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "modified_values", Field: "modified_values"}},
		{list, `{"page_size":100.0,"from":"2026-01-01T00:00:00Z"}`, nil},
		{list, `{"operations":["READ","DELETE"],"requestIds":["r"],"bases":null}`, nil},
		{list, `{"operations":"READ"}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "operations", Field: "operations"}},
		{list, `{"operations":["READ",null]}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "operations[1]", Field: "operations"}},
		{list, `{"operations":["READ","READ","READ","READ"]}`, &strictjson.Problem{Kind: strictjson.TooMany, Path: "operations", Field: "operations"}},
		{list, `{"page_size":2147483648}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "page_size", Field: "page_size"}},
		{list, `{"page_size":"many"}`, &strictjson.Problem{Kind: strictjson.WrongType, Path: "page_size", Field: "page_size"}},
	} {
		if diff := cmp.Diff(c.want, check(c.request, c.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.body, diff)
		}
	}
}

// TestRequestsAreWalked: no request has what the walk does not know.
func TestRequestsAreWalked(t *testing.T) {
	var walk func(d protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if d.Oneofs().Len() > 0 {
			t.Errorf("%s has a oneof", d.FullName())
		}
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if f.IsMap() || f.Kind() == protoreflect.GroupKind || strings.HasSuffix(string(f.FullName()), "NullValue") {
				t.Errorf("%s is of a kind that strictjson does not know", f.FullName())
			}
			switch m := f.Message(); {
			case m == nil, m.FullName() == "google.protobuf.Timestamp":
			case m.ParentFile().Package() == "google.protobuf":
				t.Errorf("%s has a spelling of its own in JSON", f.FullName())
			default:
				walk(m)
			}
		}
	}
	for _, m := range requests {
		walk(descriptor(m))
	}
}

// FuzzCheck compares with protojson: what Check lets pass, protojson takes as it stands, and
// decodes to the same if it drops what it does not know, as Twirp makes it do.
func FuzzCheck(f *testing.F) {
	for _, body := range []string{
		`{"pii_record":{"modified_value":"k","origin_value":"x"}}`, `{"pii_records":[{"source":{"schema":"s"},"observed_at":"2026-01-31T12:00:00Z"},{}]}`,
		`{"modified_value":"k","processing_basis":"CONSENT","referance":"r"}`, `{"modified_values":["a","b"],"processing_basis":1}`,
		`{"special_category_condition":"HEALTH"}`, `{"processing_basis":"consent"}`, `{}{}`, `{} garbage`, "\ufeff{}", `{"purpose":"\ud83d\ude00"}`,
		`{"modifiedValue":"a","modified_value":"b"}`, `{"index":"9007199254740993","log":"l"}`, `{"page_size":1e2,"to":"2026-01-01T00:00:00+02:00"}`,
		`{"purpose":null,"pii_record":{"observed_at":null}}`, `{"old_size":-0}`, `{"pii_records":[null]}`,
	} {
		for which := range requests {
			f.Add(which, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		m := requests[uint(which)%uint(len(requests))]
		problem := strictjson.Check(body, descriptor(m), maxItems)
		strict, lenient := m.ProtoReflect().New().Interface(), m.ProtoReflect().New().Interface()
		err := protojson.Unmarshal(body, strict)
		if problem != nil {
			return
		}
		if err != nil {
			t.Fatalf("Check lets pass what protojson refuses: %v", err)
		}
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, lenient); err != nil || !proto.Equal(strict, lenient) {
			t.Errorf("decoded as\n%v, and strictly as\n%v; %v", lenient, strict, err)
		}
	})
}
