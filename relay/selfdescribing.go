package relay

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// fields are those of an event that are looked at, where unstruct_event and contexts
// are whole: self-describing JSON, and empty if there is none.
type fields struct{ tstamp, event, contexts, unstruct, eventName []byte }

// decode parses no more than it takes to tell the kind of event: most events of a stream
// are of other kinds.
func (f fields) decode() (Event, Reason) {
	named := string(f.event) == piiName || string(f.eventName) == piiName
	other := namesOther(f.event) || namesOther(f.eventName)
	switch mentioned := bytes.Contains(f.unstruct, []byte(piiName)); {
	case named || mentioned:
	case other:
		return Event{}, ""
	case len(f.unstruct) == 0:
		return Event{}, ReasonUnknown
	}
	var unstruct unstructEvent
	if reason := parse(f.unstruct, &unstruct); reason != "" {
		return Event{}, reason
	}
	switch {
	case isModel1(unstruct.schema):
	case named || strings.HasPrefix(unstruct.schema, piiSchema):
		return Event{}, ReasonSchema
	case other || strings.HasPrefix(unstruct.schema, "iglu:"):
		return Event{}, ""
	default:
		return Event{}, ReasonUnknown
	}
	parent, reason := parentOfContexts(f.contexts)
	if reason != "" {
		return Event{}, reason
	}
	return unstruct.pii.event(string(f.tstamp), parent)
}

// describing reads {"schema":...,"data":...}: what is wanted has data read its data, other
// data is passed over. Snowplow writes the schema first.
func describing(d *jsontext.Decoder, wanted func(schema string) bool, data func(*jsontext.Decoder) error) (schema string, err error) {
	var early jsontext.Value // data that came before its schema
	err = object(d, func(name []byte) (err error) {
		switch string(name) {
		case "schema":
			schema, err = text(d)
			return err
		case "data":
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
	return object(d, func(name []byte) (err error) {
		if string(name) != "data" {
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
	return object(d, func(name []byte) error {
		if string(name) != "data" {
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
	return object(d, func(name []byte) (err error) {
		if string(name) != "parenteventid" && string(name) != "parent_event_id" {
			return d.SkipValue()
		}
		p.id, err = text(d)
		return err
	})
}
