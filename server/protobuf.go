package server

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// checkProtobuf refuses a message that cannot be decoded, and one with more items than a batch may
// have, before anything is allocated for them: two bytes can stand for an item that takes a hundred.
// It refuses numbers that the decoder would cut, too. Fields that d does not have are passed over, as
// protobuf's rules say.
func checkProtobuf(message []byte, d protoreflect.MessageDescriptor) *failure {
	items := 0
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 || number > protowire.MaxValidNumber { // ConsumeTag takes numbers that the decoder does not
			return failNotProtobuf
		}
		m := protowire.ConsumeFieldValue(number, kind, message[n:])
		if m < 0 {
			return failNotProtobuf
		}
		value := message[n : n+m]
		message = message[n+m:]
		field := d.Fields().ByNumber(number)
		if field != nil && kind == protowire.VarintType {
			if f := checkNumber(value, field); f != nil {
				return f
			}
		}
		if field == nil || kind != protowire.BytesType {
			continue
		}
		if field.IsList() {
			items++ // no message of the API has two lists
		}
		if items > piinguinv1.MaxBatch {
			return checkItems(string(field.Name()), items)
		}
		text, _ := protowire.ConsumeBytes(value)
		if f := checkField(text, field); f != nil {
			return f
		}
	}
	return nil
}

// checkNumber refuses what the decoder would cut to its low 32 bits, and so take for another value.
func checkNumber(value []byte, field protoreflect.FieldDescriptor) *failure {
	number, _ := protowire.ConsumeVarint(value)
	if int64(number) == int64(int32(number)) { //nolint:gosec // it is about what is cut off
		return nil
	}
	switch field.Kind() {
	case protoreflect.EnumKind:
		return failUnknown(string(field.Name()), field.Enum())
	case protoreflect.Int32Kind:
		return failNotProtobuf
	}
	return nil
}

func checkField(value []byte, field protoreflect.FieldDescriptor) *failure {
	switch {
	case field.Message() != nil:
		return checkProtobuf(value, field.Message())
	case field.Kind() == protoreflect.StringKind && !utf8.Valid(value):
		return failNotProtobuf
	}
	return nil
}
