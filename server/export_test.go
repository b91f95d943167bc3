package server

import "google.golang.org/protobuf/reflect/protoreflect"

// PassesProtobuf reports whether the server lets a message through to its decoder.
func PassesProtobuf(message []byte, d protoreflect.MessageDescriptor) bool {
	return checkProtobuf(message, d) == nil
}
