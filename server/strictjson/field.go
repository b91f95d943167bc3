package strictjson

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// place is a field, and where in the request it stands.
type place struct {
	field protoreflect.FieldDescriptor
	path  string
}

func (p place) problem(kind Kind) *Problem {
	return &Problem{Kind: kind, Path: p.path, Field: string(p.field.Name())}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fieldOf finds a field by either of its spellings, as protojson does.
func fieldOf(d protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := d.Fields().ByJSONName(name); field != nil {
		return field
	}
	return d.Fields().ByTextName(name)
}

// isTime reports whether a message is a text in JSON. This API uses no other such message.
func isTime(d protoreflect.MessageDescriptor) bool {
	return d.FullName() == (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName()
}

// decodes asks protojson whether a field can hold a value. Numbers, enums and times have so many
// spellings that a second reading of the rules would differ from the first.
func decodes(field protoreflect.FieldDescriptor, raw []byte) bool {
	if field.IsList() {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	object := append(append([]byte(`{"`+field.TextName()+`":`), raw...), '}')
	return protojson.Unmarshal(object, dynamicpb.NewMessage(field.ContainingMessage())) == nil
}
