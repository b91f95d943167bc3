package relay

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

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
	var unstruct unstructEvent
	if reason := parse(f.unstruct, &unstruct); reason != "" {
		return Event{}, reason
	}
	if !named && !strings.HasPrefix(unstruct.schema, piiSchema) {
		return Event{}, ""
	}
	if !isModel1(unstruct.schema) {
		return Event{}, ReasonSchema
	}
	parent, reason := parentOfContexts(f.contexts)
	if reason != "" {
		return Event{}, reason
	}
	return unstruct.pii.event(string(f.tstamp), parent)
}

// fields are those of a TSV line that are looked at.
type fields struct{ tstamp, event, contexts, unstruct, eventName []byte }

// cut finds the fields of a line. It does not cut the others: most events of a stream are
// of other kinds.
func cut(line []byte) (f fields, ok bool) {
	if bytes.Count(line, tab) != fieldCount-1 {
		return f, false
	}
	at := skip(line, 0, fieldCollectorTstamp)
	f.tstamp, at = next(line, at)
	at = skip(line, at, fieldEvent-fieldCollectorTstamp-1)
	f.event, at = next(line, at)
	at = skip(line, at, fieldContexts-fieldEvent-1)
	f.contexts, at = next(line, at)
	at = skip(line, at, fieldUnstructEvent-fieldContexts-1)
	f.unstruct, at = next(line, at)
	at = skip(line, at, fieldEventName-fieldUnstructEvent-1)
	f.eventName, _ = next(line, at)
	return f, true
}

var tab = []byte("\t")

// skip returns where the field after n others begins. Most fields are empty.
func skip(line []byte, at, n int) int {
	for ; n > 0; n-- {
		if line[at] != '\t' {
			at += bytes.IndexByte(line[at:], '\t')
		}
		at++
	}
	return at
}

// next returns the field that begins at a place, and where the one after it begins.
func next(line []byte, at int) ([]byte, int) {
	end := at + bytes.IndexByte(line[at:], '\t')
	return line[at:end], end + 1
}

// isModel1 reports whether a schema is pii_transformation 1-*-*.
func isModel1(schema string) bool {
	version, ok := strings.CutPrefix(schema, piiSchema+"jsonschema/1-")
	revision, addition, _ := strings.Cut(version, "-")
	return ok && isNumber(revision) && isNumber(addition)
}

// describing reads {"schema":...,"data":...}: what is wanted has data read its data, other
// data is passed over. Snowplow writes the schema first.
func describing(d *jsontext.Decoder, wanted func(schema string) bool, data func(*jsontext.Decoder) error) (schema string, err error) {
	var early jsontext.Value // data that came before its schema
	err = object(d, func(name jsontext.Value) (err error) {
		switch string(name) {
		case `"schema"`:
			schema, err = text(d)
			return err
		case `"data"`:
			if wanted(schema) {
				return data(d)
			}
			if schema == "" {
				early, err = d.ReadValue()
				early = early.Clone()
				return err
			}
		}
		return d.SkipValue()
	})
	if err == nil && early != nil && wanted(schema) {
		err = data(jsontext.NewDecoder(bytes.NewReader(early), options))
	}
	return schema, err
}

// unstructEvent is the field of that name: a self-describing event in the data of another
// one. Its data is read if it is a PII transformation.
type unstructEvent struct {
	schema string
	pii    transformation
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (u *unstructEvent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return object(d, func(name jsontext.Value) (err error) {
		if string(name) != `"data"` {
			return d.SkipValue()
		}
		u.schema, err = describing(d, isModel1, u.pii.UnmarshalJSONFrom)
		return err
	})
}

// contexts is the field of that name: a list of self-describing contexts, of which the
// first parent_event is looked into.
type contexts struct {
	found  bool
	parent parentEvent
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (c *contexts) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return object(d, func(name jsontext.Value) error {
		if string(name) != `"data"` {
			return d.SkipValue()
		}
		return array(d, func() error {
			_, err := describing(d, c.wanted, func(d *jsontext.Decoder) error {
				c.found = true
				return c.parent.UnmarshalJSONFrom(d)
			})
			return err
		})
	})
}

func (c *contexts) wanted(schema string) bool {
	return !c.found && strings.HasPrefix(schema, parentSchema)
}

// parentOfContexts finds the event that held the values. Without a parent the pairs are
// good all the same.
func parentOfContexts(field []byte) (string, Reason) {
	if len(field) == 0 {
		return "", ""
	}
	var c contexts
	if parse(field, &c) != "" {
		return "", ReasonContexts
	}
	return c.parent.id, ""
}

type parentEvent struct{ id string }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (p *parentEvent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return object(d, func(name jsontext.Value) (err error) {
		if string(name) != `"parentEventId"` {
			return d.SkipValue()
		}
		p.id, err = text(d)
		return err
	})
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
		parent = parents[0].id
	}
	var t transformation
	if reason := parse(flat.PII, &t); reason != "" {
		return Event{}, reason
	}
	return t.event(tstamp, parent)
}

func present(raw jsontext.Value) bool { return len(raw) > 0 && string(raw) != "null" }

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
