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
	eventID            value
	tstamp             jsontext.Value
	unstruct, contexts jsontext.Value // whole
	pii, parents       jsontext.Value // flattened
	otherModel         bool           // it has a pii_transformation of another model than 1
	otherKind          bool           // it has the data of another schema
	detail             jsontext.Value // EventBridge: the event
	payload            value          // the enriched TSV in base64
	wide               bool           // a member besides detail and payload may hold an event
	foreign            bool           // so may a member that enriched events do not have
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (f *flatEvent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return object(d, func(name []byte) error {
		kind, start := d.PeekKind(), d.InputOffset()
		envelope := string(name) == "detail" || string(name) == "payload" && kind == '"'
		field := isLongField(string(name), kind)
		if err := f.member(d, name); err != nil {
			return err
		}
		if !envelope && d.InputOffset()-start > maxHarmless {
			f.wide, f.foreign = true, f.foreign || !field
		}
		return nil
	})
}

func (f *flatEvent) member(d *jsontext.Decoder, name []byte) error {
	switch string(name) {
	case "event":
		return f.event.once(d)
	case "event_name":
		return f.eventName.once(d)
	case "event_id":
		return f.eventID.once(d)
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
// It skips only what isOther proves to be of another kind, and an envelope around that.
func decodeJSON(text []byte, envelopes int) (Event, Reason) {
	var f flatEvent
	if reason := parse(text, &f); reason != "" {
		return Event{}, reason
	}
	if e, reason := f.own(); !e.Skipped() || reason != "" {
		return e, reason
	}
	if e, reason := f.wrapped(envelopes); !e.Skipped() || reason != "" {
		return e, reason
	}
	named := f.event.text == piiName || f.eventName.text == piiName
	envelope := f.detail != nil || f.payload.kind == '"'
	proven := f.isOther() && !f.foreign || envelope && !f.wide
	switch {
	case named: // of another vendor
		return Event{}, ReasonSchema
	case !proven, mentionsPairs(text):
		return Event{}, ReasonUnknown
	default:
		return Event{}, ""
	}
}

// own reads the pairs of the object itself, if it has any.
func (f *flatEvent) own() (Event, Reason) {
	switch {
	case f.pii != nil:
		return f.decode()
	case f.otherModel:
		return Event{}, ReasonSchema
	case f.unstruct != nil:
		e, reason := f.whole().decode()
		f.otherKind = f.otherKind || reason == ""
		return e, reason
	default:
		return Event{}, ""
	}
}

// wrapped reads what the object is an envelope of. Each part has to be an event of its own.
func (f *flatEvent) wrapped(envelopes int) (Event, Reason) {
	if (f.detail != nil || f.payload.kind == '"') && envelopes == 0 {
		return Event{}, ReasonUnknown
	}
	if f.detail != nil {
		if e, reason := decodeJSON(f.detail, envelopes-1); !e.Skipped() || reason != "" {
			return e, reason
		}
	}
	if f.payload.kind == '"' {
		return f.unpack()
	}
	return Event{}, ""
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
