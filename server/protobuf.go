package server

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkProtobuf refuses a message that cannot be decoded, and one with more items than a batch may
// have, before anything is allocated for them: two bytes can stand for an item that takes a hundred.
// It refuses numbers that the decoder would cut, too. Fields that d does not have are passed over, as
// protobuf's rules say.
func checkProtobuf(message []byte, d protoreflect.MessageDescriptor) *failure {
	items := map[protowire.Number]int{}
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
		if field == nil {
			continue
		}
		values, f := checkField(value, kind, field)
		if f != nil {
			return f
		}
		if items[number] += values; field.IsList() && items[number] > mostItems(d) {
			return failTooManyItems(string(field.Name()), mostItems(d))
		}
	}
	return nil
}

// checkField checks what stands behind a tag, and returns how many values of the field that is. The decoder
// passes over what is not of the field's own kind.
func checkField(value []byte, kind protowire.Type, field protoreflect.FieldDescriptor) (int, *failure) {
	switch kind {
	case protowire.VarintType:
		n := 0
		if field.Enum() != nil {
			n = 1
		}
		return n, checkNumber(value, field)
	case protowire.BytesType:
		content, _ := protowire.ConsumeBytes(value)
		if field.IsList() && field.Enum() != nil {
			return checkPacked(content, field)
		}
		return 1, checkContent(content, field)
	}
	return 0, nil
}

// checkPacked checks the numbers of an enum that stand one after the other.
func checkPacked(numbers []byte, field protoreflect.FieldDescriptor) (n int, f *failure) {
	for ; len(numbers) > 0; n++ {
		m := protowire.ConsumeFieldValue(field.Number(), protowire.VarintType, numbers)
		if m < 0 {
			return n, failNotProtobuf
		}
		if f := checkNumber(numbers[:m], field); f != nil {
			return n, f
		}
		numbers = numbers[m:]
	}
	return n, nil
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

func checkContent(value []byte, field protoreflect.FieldDescriptor) *failure {
	switch {
	case field.Message() != nil:
		return checkProtobuf(value, field.Message())
	case field.Kind() == protoreflect.StringKind && !utf8.Valid(value):
		return failNotProtobuf
	}
	return nil
}
