package relay

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The keys of flattened JSON that stand for a schema. A version of one number, the model,
// or of three follows.
const (
	unstructKey = "unstruct_event_"
	piiKey      = "unstruct_event_com_snowplowanalytics_snowplow_pii_transformation_"
	parentKey   = "contexts_com_snowplowanalytics_snowplow_parent_event_"
)

// maxEnvelopes is how deep an event may be wrapped: EventBridge's detail may hold a payload.
const maxEnvelopes = 2

// flatEvent is an event in JSON, or an envelope around one. Nothing is decoded that is
// not needed to tell the kind of event.
type flatEvent struct {
	event, eventName   value
	tstamp             jsontext.Value
	unstruct, contexts jsontext.Value // whole
	pii, parents       jsontext.Value // flattened
	otherModel         bool           // it has a pii_transformation of another model than 1
	otherKind          bool           // it has the data of another schema
	detail             jsontext.Value // EventBridge: the event
	payload            value          // the enriched TSV in base64
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (f *flatEvent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return object(d, func(name []byte) error {
		switch string(name) {
		case "event":
			return f.event.once(d)
		case "event_name":
			return f.eventName.once(d)
		case "collector_tstamp":
			return keep(d, &f.tstamp)
		case "unstruct_event":
			return keep(d, &f.unstruct)
		case "contexts":
			return keep(d, &f.contexts)
		case "detail":
			return keep(d, &f.detail)
		case "payload":
			return f.payload.once(d)
		}
		return f.schema(d, name)
	})
}

// schema reads the value of a key that stands for a schema, if it is one.
func (f *flatEvent) schema(d *jsontext.Decoder, name []byte) error {
	if version, ok := bytes.CutPrefix(name, []byte(parentKey)); ok && isVersion1(version) {
		return keep(d, &f.parents)
	}
	if version, ok := bytes.CutPrefix(name, []byte(piiKey)); ok && isVersion1(version) {
		return keep(d, &f.pii)
	}
	if bytes.HasPrefix(name, []byte(unstructKey)) && d.PeekKind() != 'n' {
		f.otherModel = f.otherModel || bytes.HasPrefix(name, []byte(piiKey))
		f.otherKind = f.otherKind || !bytes.HasPrefix(name, []byte(piiKey))
	}
	return d.SkipValue()
}

// isVersion1 reports whether the end of a key is 1 or 1_*_*.
func isVersion1(version []byte) bool {
	model, rest, more := strings.Cut(string(version), "_")
	revision, addition, _ := strings.Cut(rest, "_")
	return model == "1" && (!more || isNumber(revision) && isNumber(addition))
}

// decodeJSON reads an object that is an event, or holds one at most so many levels deep.
func decodeJSON(text []byte, envelopes int) (Event, Reason) {
	var f flatEvent
	if reason := parse(text, &f); reason != "" {
		return Event{}, reason
	}
	named := f.event.text == piiName || f.eventName.text == piiName
	other := f.otherKind || isOther([]byte(f.event.text)) || isOther([]byte(f.eventName.text))
	switch {
	case f.pii != nil:
		return f.decode()
	case f.otherModel:
		return Event{}, ReasonSchema
	case f.unstruct != nil:
		return f.whole().decode()
	case named: // of another vendor
		return Event{}, ReasonSchema
	case other:
		return Event{}, ""
	case f.detail != nil && envelopes > 0:
		return decodeJSON(f.detail, envelopes-1)
	case f.payload.kind == '"' && envelopes > 0:
		return f.unpack()
	default:
		return Event{}, ReasonUnnamed
	}
}

// decode reads the flattened form.
func (f *flatEvent) decode() (Event, Reason) {
	var parents []parentEvent
	if f.parents != nil && parse(f.parents, &parents) != "" {
		return Event{}, ReasonContexts
	}
	parent := ""
	if len(parents) > 0 {
		parent = parents[0].id
	}
	var t transformation
	if reason := parse(f.pii, &t); reason != "" {
		return Event{}, reason
	}
	return t.event(string(f.time()), parent)
}

// whole is the fields of the form that is not flattened.
func (f *flatEvent) whole() fields {
	return fields{f.time(), []byte(f.event.text), f.contexts, f.unstruct, []byte(f.eventName.text)}
}

// time is a text or a number, neither of which has escapes.
func (f *flatEvent) time() []byte { return bytes.Trim(f.tstamp, `"`) }

// unpack reads the event in an envelope.
func (f *flatEvent) unpack() (Event, Reason) {
	line, err := base64.StdEncoding.DecodeString(f.payload.text)
	if err != nil {
		return Event{}, ReasonPayload
	}
	return decode(line, 0)
}

// keep reads a value that is decoded later, if at all. A null is none.
func keep(d *jsontext.Decoder, v *jsontext.Value) error {
	if *v != nil {
		return errShape
	}
	if d.PeekKind() == 'n' {
		return d.SkipValue()
	}
	raw, err := d.ReadValue()
	*v = raw.Clone()
	return err
}
