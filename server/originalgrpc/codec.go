package originalgrpc

import (
	"errors"

	"google.golang.org/grpc/mem"
)

// codec decodes nothing: what arrives is handed on as *[]byte, and an answer is a []byte or a message. So a
// request is decoded where its memory is counted, and a malformed one is answered with a text of this package.
type codec struct{}

var errCodec = errors.New("originalgrpc: not a message")

// Name implements encoding.CodecV2. It is the name of protobuf's.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case []byte:
		return mem.BufferSlice{mem.SliceBuffer(m)}, nil
	case message:
		return mem.BufferSlice{m.buffer()}, nil
	}
	return nil, errCodec
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return errCodec
	}
	*message = data.Materialize()
	return nil
}
