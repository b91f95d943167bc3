// Package originaltest is a client of the original Piinguin's gRPC protocol. It is written from the
// facts of that protocol, and shares no code with the server:
//
//	c := originaltest.NewClient(t, address, insecure.NewCredentials())
//	answer, err := c.Call(t.Context(), "CreatePiiRecord", originaltest.Create("key", "value"))
//
// Like the original's client it waits until the server is there and sets no deadline.
package originaltest

import (
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// service is the name of the original's service.
const service = "com.snowplowanalytics.piinguin.server.generated.protocols.Piinguin"

// file describes the original's messages.
const file = `
name: "facts.proto" package: "facts" syntax: "proto3"
message_type { name: "PiiRecord"
  field { name: "modifiedValue" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "originalValue" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "Create"
  field { name: "piiRecord" number: 1 type: TYPE_MESSAGE type_name: ".facts.PiiRecord" label: LABEL_OPTIONAL } }
message_type { name: "Delete"
  field { name: "modifiedValue" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "Read"
  field { name: "modifiedValue" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "processingBasis" number: 2 type: TYPE_ENUM type_name: ".facts.Basis" label: LABEL_OPTIONAL } }
enum_type { name: "Basis"
  value { name: "CONSENT" number: 0 } value { name: "CONTRACT" number: 1 } value { name: "LEGAL_OBLIGATION" number: 2 }
  value { name: "VITAL_INTERESTS" number: 3 } value { name: "PUBLIC_TASK" number: 4 } value { name: "LEGITIMATE_INTERESTS" number: 5 } }
message_type { name: "Status"
  field { name: "message" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "isSuccess" number: 2 type: TYPE_BOOL label: LABEL_OPTIONAL } }
message_type { name: "ChangeAnswer"
  field { name: "status" number: 1 type: TYPE_MESSAGE type_name: ".facts.Status" label: LABEL_OPTIONAL } }
message_type { name: "ReadAnswer"
  field { name: "piiRecord" number: 1 type: TYPE_MESSAGE type_name: ".facts.PiiRecord" label: LABEL_OPTIONAL }
  field { name: "status" number: 2 type: TYPE_MESSAGE type_name: ".facts.Status" label: LABEL_OPTIONAL } }
`

var messages = func() protoreflect.MessageDescriptors {
	var d descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(file), &d); err != nil {
		panic(err)
	}
	f, err := protodesc.NewFile(&d, nil)
	if err != nil {
		panic(err)
	}
	return f.Messages()
}()

// Message returns an empty message of the original: PiiRecord, Create, Delete, Read, Status,
// ChangeAnswer or ReadAnswer.
func Message(name string) *dynamicpb.Message {
	return dynamicpb.NewMessage(messages.ByName(protoreflect.Name(name)))
}

// Create returns the message that stores a record.
func Create(key, value string) []byte {
	return marshal("Create", map[string]any{"piiRecord": set("PiiRecord", map[string]any{"modifiedValue": key, "originalValue": value})})
}

// Delete returns the message that deletes a record.
func Delete(key string) []byte { return marshal("Delete", map[string]any{"modifiedValue": key}) }

// Read returns the message that reads a record on a basis: CONSENT is 0, LEGITIMATE_INTERESTS is 5.
func Read(key string, basis int32) []byte {
	return marshal("Read", map[string]any{"modifiedValue": key, "processingBasis": protoreflect.EnumNumber(basis)})
}

func marshal(name string, fields map[string]any) []byte {
	b, err := proto.Marshal(set(name, fields).Interface())
	if err != nil {
		panic(err)
	}
	return b
}

func set(name string, fields map[string]any) protoreflect.Message {
	m := Message(name).ProtoReflect()
	for field, value := range fields {
		m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(field)), protoreflect.ValueOf(value))
	}
	return m
}

// Answer is an answer of any method.
type Answer struct {
	Success       bool
	Message       string
	Key, Original string // of a read
}

// parse reads the answer of a method, and fails if it has anything that the original's has not.
func parse(method string, raw []byte) (a Answer, err error) {
	m := Message("ChangeAnswer")
	if method == "ReadPiiRecord" || method == "ReadPiiRecords" {
		m = Message("ReadAnswer")
	}
	if err := proto.Unmarshal(raw, m); err != nil {
		return a, err
	}
	field := func(m protoreflect.Message, name string) protoreflect.Value {
		return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
	}
	status := field(m, "status").Message()
	a.Success, a.Message = field(status, "isSuccess").Bool(), field(status, "message").String()
	if len(m.GetUnknown())+len(status.GetUnknown()) > 0 {
		a.Message += " and unknown fields"
	}
	if m.Descriptor().Name() == "ReadAnswer" {
		record := field(m, "piiRecord").Message()
		a.Key, a.Original = field(record, "modifiedValue").String(), field(record, "originalValue").String()
	}
	return a, nil
}

// HoldsLong reports whether a varint somewhere in a message has more than 32 bits.
func HoldsLong(message []byte) bool {
	for i := range message {
		if v, n := protowire.ConsumeVarint(message[i:]); n > 0 && int64(v) != int64(int32(v)) { //nolint:gosec // it is about what is cut off
			return true
		}
	}
	return false
}
