package server

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkKnown refuses a number that the enum has no name for: the ledger could not name it either.
func checkKnown(field string, value protoreflect.Enum) *failure {
	if value.Descriptor().Values().ByNumber(value.Number()) == nil {
		return failUnknown(field, value.Descriptor())
	}
	return nil
}

// failUnknown is an invalid_argument that says which values the enum has.
func failUnknown(field string, d protoreflect.EnumDescriptor) *failure {
	return invalid(field, "unknown", "must be "+namesOf(d))
}

// namesOf returns the names of an enum in words, without the one of 0, which stands for an absent value.
func namesOf(d protoreflect.EnumDescriptor) string {
	var names []string
	for i := 1; i < d.Values().Len(); i++ {
		names = append(names, string(d.Values().Get(i).Name()))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
