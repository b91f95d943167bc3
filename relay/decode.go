package relay

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The fields of Snowplow's enriched TSV that are looked at, counted from 0.
const (
	fieldCollectorTstamp = 3
	fieldEvent           = 5
	fieldContexts        = 52
	fieldUnstructEvent   = 58
	fieldEventName       = 126
	fieldCount           = 131
)

const (
	piiName      = "pii_transformation"
	piiSchema    = "iglu:com.snowplowanalytics.snowplow/pii_transformation/"
	parentSchema = "iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-"
)

var piiSchemaModel1 = regexp.MustCompile(`^` + regexp.QuoteMeta(piiSchema) + `jsonschema/1-[0-9]+-[0-9]+$`)

// Decode reads one event: an enriched TSV line, or flattened JSON if the first
// byte is '{'. A line end after it is ignored. It returns the event's pairs, an
// event that is Skipped if it is of another kind, or the Reason why neither can
// be said. Every pair it returns is within the limits of the contract.
//
// A TSV line has exactly 131 fields. With fewer it was cut, and what is left may
// be cut too, however whole it looks; with more, a tab stands inside a field, and
// the positions mean nothing.
func Decode(line []byte) (Event, Reason) {
	line = trimEnd(line)
	switch {
	case len(line) == 0:
		return Event{}, ReasonEmpty
	case bytes.IndexByte(line, '\n') >= 0:
		// The first event would hide the others, which would be lost unseen.
		return Event{}, ReasonManyLines
	case !utf8.Valid(line):
		return Event{}, ReasonEncoding
	case line[0] == '{':
		return decodeJSON(line)
	default:
		return decodeTSV(line)
	}
}

func decodeTSV(line []byte) (Event, Reason) {
	f, ok := cut(line)
	if !ok {
		return Event{}, ReasonFields
	}
	named := string(f.event) == piiName || string(f.eventName) == piiName
	if !named && !bytes.Contains(f.unstruct, []byte(piiName)) {
		return Event{}, ""
	}
	var unstruct struct {
		Data selfDescribing `json:"data"`
	}
	if reason := parse(f.unstruct, &unstruct); reason != "" {
		return Event{}, reason
	}
	if !named && !strings.HasPrefix(unstruct.Data.Schema, piiSchema) {
		return Event{}, ""
	}
	if !piiSchemaModel1.MatchString(unstruct.Data.Schema) {
		return Event{}, ReasonSchema
	}
	parent, reason := parentOfContexts(f.contexts)
	if reason != "" {
		return Event{}, reason
	}
	return decodePII(unstruct.Data.Data, string(f.tstamp), parent)
}

// fields are those of a TSV line that are looked at.
type fields struct{ tstamp, event, contexts, unstruct, eventName []byte }

// cut finds the fields of a line. It does not cut the others: most events of a stream are
// of other kinds.
func cut(line []byte) (f fields, ok bool) {
	if bytes.Count(line, tab) != fieldCount-1 {
		return f, false
	}
	at := 0
	for n := range fieldUnstructEvent + 1 {
		end := at + bytes.IndexByte(line[at:], '\t')
		switch n {
		case fieldCollectorTstamp:
			f.tstamp = line[at:end]
		case fieldEvent:
			f.event = line[at:end]
		case fieldContexts:
			f.contexts = line[at:end]
		case fieldUnstructEvent:
			f.unstruct = line[at:end]
		}
		at = end + 1
	}
	rest := line
	for range fieldCount - 1 - fieldEventName {
		rest = rest[:bytes.LastIndexByte(rest, '\t')]
	}
	f.eventName = rest[bytes.LastIndexByte(rest, '\t')+1:]
	return f, true
}

var tab = []byte("\t")

type selfDescribing struct {
	Schema string         `json:"schema"`
	Data   jsontext.Value `json:"data"`
}

// parentOfContexts finds the event that held the values. Contexts of other kinds
// are not looked into; without a parent the pairs are good all the same.
func parentOfContexts(field []byte) (string, Reason) {
	if len(field) == 0 {
		return "", ""
	}
	var contexts struct {
		Data []selfDescribing `json:"data"`
	}
	if parse(field, &contexts) != "" {
		return "", ReasonContexts
	}
	for _, c := range contexts.Data {
		if !strings.HasPrefix(c.Schema, parentSchema) {
			continue
		}
		var parent parentEvent
		if parse(c.Data, &parent) != "" {
			return "", ReasonContexts
		}
		return parent.ParentEventID, ""
	}
	return "", ""
}

type parentEvent struct {
	ParentEventID string `json:"parentEventId"`
}

// decodeJSON reads the flattened form, in which a key stands for a schema and its
// model. Nothing but the two names is decoded before the kind of event is known.
func decodeJSON(line []byte) (Event, Reason) {
	var flat struct {
		Tstamp    jsontext.Value `json:"collector_tstamp"`
		Event     jsontext.Value `json:"event"`
		EventName jsontext.Value `json:"event_name"`
		PII       jsontext.Value `json:"unstruct_event_com_snowplowanalytics_snowplow_pii_transformation_1"`
		Parents   jsontext.Value `json:"contexts_com_snowplowanalytics_snowplow_parent_event_1"`
	}
	if reason := parse(line, &flat); reason != "" {
		return Event{}, reason
	}
	named := string(flat.Event) == `"`+piiName+`"` || string(flat.EventName) == `"`+piiName+`"`
	switch {
	case present(flat.PII):
	case named: // of another model, or of another vendor
		return Event{}, ReasonSchema
	default:
		return Event{}, ""
	}
	var tstamp string
	if !present(flat.Tstamp) || parse(flat.Tstamp, &tstamp) != "" {
		return Event{}, ReasonTime
	}
	var parents []parentEvent
	if present(flat.Parents) && parse(flat.Parents, &parents) != "" {
		return Event{}, ReasonContexts
	}
	parent := ""
	if len(parents) > 0 {
		parent = parents[0].ParentEventID
	}
	return decodePII(flat.PII, tstamp, parent)
}

func present(raw jsontext.Value) bool { return len(raw) > 0 && string(raw) != "null" }

// options: a lone surrogate in an escape is looked for where it matters.
var options = json.JoinOptions(jsontext.AllowInvalidUTF8(true))

// parse decodes JSON. The errors of the library quote what they read, so they
// end here.
func parse(raw []byte, into any) Reason {
	err := json.Unmarshal(raw, into, options)
	var shape *json.SemanticError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &shape):
		return ReasonShape
	default:
		return ReasonJSON
	}
}

// parseTime reads a collector_tstamp of either form. Both are UTC. A pair without
// a time is not sent: the server would take it as seen now, and an old event
// would then overwrite a newer one.
func parseTime(s string) (*timestamppb.Timestamp, Reason) {
	t, err := time.Parse(time.DateTime, s) // a fraction may follow
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		return nil, ReasonTime
	}
	stamp := timestamppb.New(t)
	if !stamp.IsValid() {
		return nil, ReasonTime
	}
	return stamp, ""
}
