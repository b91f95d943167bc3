package relay

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// JSON is read token by token: most of a document is not looked at, and filling structs
// by reflection takes twice as long.

// errShape says that a value is of another kind than is looked for.
var errShape = errors.New("relay: JSON of another shape")

// options: a lone surrogate in an escape is looked for where it matters.
var options = json.JoinOptions(jsontext.AllowInvalidUTF8(true))

// parse decodes JSON. The errors of the library quote what they read, so they
// end here.
func parse(raw []byte, into any) Reason {
	err := json.Unmarshal(raw, into, options)
	var syntax *jsontext.SyntacticError
	var shape *json.SemanticError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &syntax):
		return ReasonJSON
	case errors.As(err, &shape):
		return ReasonShape
	default:
		return ReasonJSON
	}
}

// object has field read the value of each name, which comes in lower case: warehouses
// write names in any case. It is valid until field reads the value. A null is an object
// without names.
func object(d *jsontext.Decoder, field func(name []byte) error) error {
	name := make([]byte, 0, 32)
	return within(d, '{', '}', func() error {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		name = appendLower(name[:0], raw[1:len(raw)-1])
		return field(name)
	})
}

func appendLower(to, name []byte) []byte {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// array has item read each value. A null is an array without values.
func array(d *jsontext.Decoder, item func() error) error { return within(d, '[', ']', item) }

func within(d *jsontext.Decoder, begin, end jsontext.Kind, next func() error) error {
	if kind := d.PeekKind(); kind != begin {
		if err := d.SkipValue(); err != nil || kind == 'n' {
			return err
		}
		return errShape
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != end {
		if err := next(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// text reads a string. A null is an empty one.
func text(d *jsontext.Decoder) (string, error) {
	var v value
	if err := v.read(d); err != nil {
		return "", err
	}
	if v.kind != '"' && v.kind != 'n' {
		return "", errShape
	}
	return v.text, nil
}

// value is a JSON value of which a string is wanted, to the very bytes that it stands for.
type value struct {
	kind   jsontext.Kind // 0: there was none
	text   string        // of a string
	broken bool          // it holds a lone surrogate, for which text has U+FFFD
}

// once reads a value of which an object may have one. Two names may differ in their case
// only, and nothing says which value counts.
func (v *value) once(d *jsontext.Decoder) error {
	if v.kind != 0 {
		return errShape
	}
	return v.read(d)
}

func (v *value) read(d *jsontext.Decoder) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	*v = value{kind: raw.Kind()}
	switch {
	case v.kind != '"':
	case bytes.IndexByte(raw, '\\') < 0:
		v.text = string(raw[1 : len(raw)-1])
	default:
		plain, _ := jsontext.AppendUnquote(nil, raw) // it fails on a lone surrogate only
		v.text, v.broken = string(plain), loneSurrogate(raw)
	}
	return nil
}

// loneSurrogate finds a \uD800 to \uDFFF that is not half of a pair. A decoder
// puts U+FFFD in its place, which would store another value than the original.
// raw is a valid JSON string.
func loneSurrogate(raw []byte) bool {
	high := false // the escape just before was the first half of a pair
	for len(raw) > 0 {
		if raw[0] != '\\' || raw[1] != 'u' {
			if high {
				return true
			}
			next := 1
			if raw[0] == '\\' {
				next = 2
			}
			raw = raw[next:]
			continue
		}
		unit, _ := strconv.ParseUint(string(raw[2:6]), 16, 16)
		if low := unit >= 0xdc00 && unit <= 0xdfff; low != high {
			return true
		}
		high = unit >= 0xd800 && unit <= 0xdbff
		raw = raw[6:]
	}
	return high
}
