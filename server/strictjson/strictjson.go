// Package strictjson checks the JSON of a request against its message before it is decoded.
//
// Twirp's generated code drops what it does not know: an unknown field, an unknown name of an
// enum, a second document. A caller who misspells a field would get an answer to another question
// than it asked. So a server calls Check first, and passes the same bytes on:
//
//	if p := strictjson.Check(body, request, 500); p != nil {
//		refuse(p.Kind, p.Path)
//	}
//
// It promises: what passes, protojson takes without DiscardUnknown, and decodes to the same with
// it. It takes field names as in the .proto and in camelCase, as protojson does; null stands for a
// field that is absent. It takes an enum by its name only: the original Piinguin numbers the lawful bases
// from 0, so a number may mean another one. An original value must be there: protobuf cannot tell an absent one from the
// empty text, which would replace what is stored.
//
// It stops at the first problem and decodes no message, so the work and the memory depend on the
// body's length only. It knows the messages of this API: none has a oneof.
package strictjson

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Kind says what is wrong with a body.
type Kind int

// The kinds. Only NotJSON and MoreThanOne are about the text as a whole and have no path.
const (
	NotJSON      Kind = iota + 1 // not one JSON object in UTF-8
	MoreThanOne                  // something follows the object
	UnknownField                 // a name that the message does not have
	Duplicate                    // a field that was there before, in either spelling
	WrongType                    // a value that the field cannot hold
	UnknownValue                 // not a name that the enum has: its numbers are not taken
	TooMany                      // more elements than allowed
	Missing                      // a required field that is absent or null
	NotUTF8                      // a text with bytes or escapes that are no characters, such as \ud800
)

// Problem is what is wrong, and where.
type Problem struct {
	Kind Kind
	// Path is the field by its names in the .proto, such as pii_records[3].source.schema. An
	// unknown name that is no identifier of at most 64 characters is left out, because it may be
	// personal data: Path is then the message that the name stands in, "" for the request.
	Path string
	// Named says of an unknown field that Path ends with its name.
	Named bool
	// Field is the last name of Path if the message has such a field, else "".
	Field string
	// Enum is the type of an UnknownValue.
	Enum protoreflect.EnumDescriptor
}

// required are the fields that JSON must state.
var required = []protoreflect.FullName{"piinguin.v1.PiiRecord.original_value"}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Check returns the first problem of a body as a message of d, or nil. maxItems bounds the
// elements of each list.
func Check(body []byte, d protoreflect.MessageDescriptor, maxItems int) *Problem {
	w := walk{
		// Duplicates are found by field, since a name has two spellings.
		// What is not UTF-8 is found by field, too.
		dec:      jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		maxItems: maxItems,
	}
	if w.dec.PeekKind() != '{' {
		return &Problem{Kind: NotJSON}
	}
	if p := w.message(d, ""); p != nil {
		return p
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return &Problem{Kind: MoreThanOne}
	}
	return nil
}

type walk struct {
	dec      *jsontext.Decoder
	maxItems int
}

// message checks the object that comes next.
func (w *walk) message(d protoreflect.MessageDescriptor, path string) *Problem {
	if _, err := w.dec.ReadToken(); err != nil { // the brace, which the caller has seen
		return &Problem{Kind: NotJSON}
	}
	seen := map[protoreflect.FieldNumber]bool{} // and whether it has a value
	for w.dec.PeekKind() == '"' {
		token, err := w.dec.ReadToken()
		if err != nil {
			return &Problem{Kind: NotJSON}
		}
		name := token.String()
		field := fieldOf(d, name)
		if field == nil {
			if !identifier.MatchString(name) {
				return &Problem{Kind: UnknownField, Path: path}
			}
			return &Problem{Kind: UnknownField, Path: join(path, name), Named: true}
		}
		at := place{field, join(path, string(field.Name()))}
		if _, before := seen[field.Number()]; before {
			return at.problem(Duplicate)
		}
		seen[field.Number()] = w.dec.PeekKind() != 'n'
		if p := w.field(at); p != nil {
			return p
		}
	}
	if token, err := w.dec.ReadToken(); err != nil || token.Kind() != '}' {
		return &Problem{Kind: NotJSON}
	}
	for _, name := range required {
		if name.Parent() != d.FullName() {
			continue
		}
		if field := d.Fields().ByName(name.Name()); !seen[field.Number()] {
			return place{field, join(path, string(name.Name()))}.problem(Missing)
		}
	}
	return nil
}

// field checks the value of a field: a list, null, or one value.
func (w *walk) field(at place) *Problem {
	kind := w.dec.PeekKind()
	switch {
	case kind == 'n':
		return w.skip()
	case !at.field.IsList():
		return w.value(at, kind)
	case kind != '[':
		return w.wrong(at, WrongType)
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return &Problem{Kind: NotJSON}
	}
	for i := 0; ; i++ {
		kind := w.dec.PeekKind()
		if kind == ']' || kind == jsontext.KindInvalid {
			break
		}
		if i == w.maxItems {
			return at.problem(TooMany)
		}
		if p := w.value(place{at.field, at.path + "[" + strconv.Itoa(i) + "]"}, kind); p != nil {
			return p
		}
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return &Problem{Kind: NotJSON}
	}
	return nil
}

// value checks one value: of a field, or an element of its list.
func (w *walk) value(at place, kind jsontext.Kind) *Problem {
	switch {
	case at.field.Kind() == protoreflect.StringKind:
		if kind != '"' {
			return w.wrong(at, WrongType)
		}
		return w.text(at)
	case at.field.Message() != nil && !isTime(at.field.Message()):
		if kind != '{' {
			return w.wrong(at, WrongType)
		}
		return w.message(at.field.Message(), at.path)
	}
	raw, err := w.dec.ReadValue()
	switch {
	case err != nil:
		return &Problem{Kind: NotJSON}
	case at.field.Enum() != nil && (kind == '0' || kind == '"' && !decodes(at.field, raw)):
		p := at.problem(UnknownValue)
		p.Enum = at.field.Enum()
		return p
	case decodes(at.field, raw):
		return nil
	}
	return at.problem(WrongType)
}

// text checks a text.
func (w *walk) text(at place) *Problem {
	raw, err := w.dec.ReadValue()
	switch {
	case err != nil:
		return &Problem{Kind: NotJSON}
	case !raw.IsValid(): // it is strict about UTF-8
		return at.problem(NotUTF8)
	}
	return nil
}

// wrong is a problem of the value that comes next, if that is JSON at all.
func (w *walk) wrong(at place, kind Kind) *Problem {
	if p := w.skip(); p != nil {
		return p
	}
	return at.problem(kind)
}

func (w *walk) skip() *Problem {
	if w.dec.SkipValue() != nil {
		return &Problem{Kind: NotJSON}
	}
	return nil
}
