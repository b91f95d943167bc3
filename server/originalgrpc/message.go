package originalgrpc

import (
	"cmp"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Request is one message of a client. It prints as [redacted], because a create holds a personal
// value.
type Request struct {
	ModifiedValue string
	OriginalValue string // of a create
	// Basis is the lawful basis of a read by the original's numbers: CONSENT is 0 and
	// LEGITIMATE_INTERESTS is 5. A client that states nothing sends 0.
	Basis int32
}

// Answer is what a client gets for one Request. It prints as [redacted].
type Answer struct {
	Success bool
	// Message says why there is no success, or what the client should know. It never holds a
	// value: the original's relay prints it.
	Message string
	// ModifiedValue and OriginalValue are the record of a read that succeeded.
	ModifiedValue, OriginalValue string
}

// Format implements fmt.Formatter for every verb and flag.
func (Request) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// Format implements fmt.Formatter for every verb and flag.
func (Answer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// errMalformed has no text of the library, which might quote the message.
var errMalformed = errors.New("originalgrpc: not a message of this method")

// The original's messages have fields 1 and 2 only, and the kind of a field's encoding says which
// one is meant: texts and messages are bytes, the basis is a varint.
type field struct {
	number protowire.Number
	kind   protowire.Type
}

// fields calls set for each field of a message, in order, with its bytes or its number. As in
// every protobuf decoder, set passes over a field that it does not know.
func fields(message []byte, set func(f field, text []byte, number uint64)) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errMalformed
		}
		message = message[n:]
		var text []byte
		var value uint64
		switch kind {
		case protowire.BytesType:
			text, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return errMalformed
		}
		set(field{number, kind}, text, value)
		message = message[n:]
	}
	return nil
}

// decode reads a request of a method of this kind. Texts need not be UTF-8: whoever handles the
// request refuses that one alone.
func (k Kind) decode(message []byte) (r Request, err error) {
	first, second := field{1, protowire.BytesType}, field{2, protowire.BytesType}
	record := func(f field, text []byte, _ uint64) {
		switch f {
		case first:
			r.ModifiedValue = string(text)
		case second:
			r.OriginalValue = string(text)
		}
	}
	var within error
	err = fields(message, func(f field, text []byte, number uint64) {
		switch {
		case f == first && k == Create: // a second one is merged into the first, as protobuf wants it
			within = cmp.Or(within, fields(text, record))
		case f == first:
			r.ModifiedValue = string(text)
		case f == field{2, protowire.VarintType} && k == Read:
			r.Basis = int32(number)              //nolint:gosec // checked next
			if int64(number) != int64(r.Basis) { //nolint:gosec // a negative one is sent as its 64 bits
				within = errMalformed // its low 32 bits may be another basis
			}
		}
	})
	return r, cmp.Or(err, within)
}

// encode writes the answer of a method of this kind. Empty fields are left out, as in proto3.
func (k Kind) encode(a Answer) []byte {
	status := appendText(nil, 1, a.Message)
	if a.Success {
		status = protowire.AppendVarint(protowire.AppendTag(status, 2, protowire.VarintType), 1)
	}
	if k != Read {
		return appendMessage(nil, 1, status)
	}
	var out []byte
	if a.Success {
		out = appendMessage(out, 1, appendText(appendText(nil, 1, a.ModifiedValue), 2, a.OriginalValue))
	}
	return appendMessage(out, 2, status)
}

func appendText(b []byte, number protowire.Number, text string) []byte {
	if text == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), text)
}

func appendMessage(b []byte, number protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), message)
}
