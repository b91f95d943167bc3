package relay

import (
	"github.com/go-json-experiment/json/jsontext"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// transformation is the data of pii_transformation 1-*-*.
type transformation struct {
	pojo, json []mapping
	hash       string
}

// mapping is one pair.
type mapping struct {
	original, modified          value
	fieldName, jsonPath, schema string
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *transformation) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return object(d, func(name []byte) error {
		switch string(name) {
		case "pii":
			return t.pairs(d)
		case "strategy":
			return t.strategy(d)
		default:
			return d.SkipValue()
		}
	})
}

func (t *transformation) pairs(d *jsontext.Decoder) error {
	return object(d, func(name []byte) (err error) {
		switch string(name) {
		case "pojo":
			t.pojo, err = mappings(d, t.pojo)
		case "json":
			t.json, err = mappings(d, t.json)
		default:
			err = d.SkipValue()
		}
		return err
	})
}

func (t *transformation) strategy(d *jsontext.Decoder) error {
	return object(d, func(name []byte) error {
		if string(name) != "pseudonymize" {
			return d.SkipValue()
		}
		return object(d, func(name []byte) (err error) {
			if string(name) != "hashfunction" && string(name) != "hash_function" {
				return d.SkipValue()
			}
			t.hash, err = text(d)
			return err
		})
	})
}

// mappings adds the items of a list. An object may have two lists of one name, in other
// cases.
func mappings(d *jsontext.Decoder, all []mapping) ([]mapping, error) {
	err := array(d, func() error {
		all = append(all, mapping{})
		return all[len(all)-1].read(d)
	})
	return all, err
}

// read reads an item. The published schema wraps those of pii.json in fieldMapping; what
// is emitted is flat. Both are read, in either list.
func (m *mapping) read(d *jsontext.Decoder) error {
	return object(d, func(name []byte) (err error) {
		switch string(name) {
		case "fieldname", "field_name":
			m.fieldName, err = text(d)
		case "originalvalue", "original_value":
			err = m.original.once(d)
		case "modifiedvalue", "modified_value":
			err = m.modified.once(d)
		case "jsonpath", "json_path":
			m.jsonPath, err = text(d)
		case "schema":
			m.schema, err = text(d)
		case "fieldmapping", "field_mapping":
			err = m.read(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
}

// event turns the data of a PII transformation event into records.
func (t *transformation) event(tstamp, parent string) (Event, Reason) {
	observed, reason := parseTime(tstamp)
	if reason != "" {
		return Event{}, reason
	}
	if !isSource(t.hash) || !isSource(parent) {
		return Event{}, ReasonSourceLimits
	}
	all := make([]struct {
		record piinguinv1.PiiRecord
		source piinguinv1.Source
	}, len(t.pojo)+len(t.json))
	records := make([]*piinguinv1.PiiRecord, len(all))
	for i := range all {
		m := t.at(i)
		if reason := m.check(); reason != "" {
			return Event{}, reason
		}
		r, s := &all[i].record, &all[i].source
		r.ModifiedValue, r.OriginalValue, r.ObservedAt, r.Source = m.modified.text, m.original.text, observed, s
		s.FieldName, s.JsonPath, s.Schema, s.HashFunction, s.ParentEventId = m.fieldName, m.jsonPath, m.schema, t.hash, parent
		records[i] = r
	}
	if len(records) == 0 {
		// Snowplow emits no such event, so the pairs are somewhere unknown.
		return Event{}, ReasonNoPairs
	}
	return Event{records}, ""
}

// at returns the items of both lists, one list after the other.
func (t *transformation) at(i int) *mapping {
	if i < len(t.pojo) {
		return &t.pojo[i]
	}
	return &t.json[i-len(t.pojo)]
}

// check holds a pair against the limits. A value that is a number or a boolean is refused:
// Snowplow hashes strings and emits strings, so another type is not what was hashed.
func (m *mapping) check() Reason {
	switch {
	case m.modified.kind == 0:
		return ReasonModifiedMissing
	case m.modified.kind != '"':
		return ReasonModifiedType
	case m.modified.broken:
		return ReasonSurrogate
	case m.original.kind == 0:
		return ReasonOriginalMissing
	case m.original.kind != '"':
		return ReasonOriginalType
	case m.original.broken:
		return ReasonSurrogate
	case m.modified.text == "" || len(m.modified.text) > piinguinv1.MaxModifiedValue || hasControl(m.modified.text):
		return ReasonModifiedLimits
	case len(m.original.text) > piinguinv1.MaxOriginalValue:
		return ReasonOriginalLimits
	case !isSource(m.fieldName) || !isSource(m.jsonPath) || !isSource(m.schema):
		return ReasonSourceLimits
	}
	return ""
}

func isSource(s string) bool { return len(s) <= piinguinv1.MaxText && !hasControl(s) }

// hasControl finds the control characters of Unicode: U+0000 to U+001F and U+007F to
// U+009F. s is UTF-8, in which the latter half begins with 0xC2.
func hasControl(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20, c == 0x7f, c == 0xc2 && s[i+1] < 0xa0:
			return true
		}
	}
	return false
}
