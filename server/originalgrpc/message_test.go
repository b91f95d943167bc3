package originalgrpc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/piinguin/piinguin/internal/originaltest"
)

// FuzzDecode holds the decoder to a protobuf library's, which has a descriptor of the original.
func FuzzDecode(f *testing.F) {
	create := originaltest.Create("k", "v")
	f.Add(create)
	f.Add(append(create, originaltest.Create("", "w")...)) // merged: k and w
	f.Add(originaltest.Read("k", 5))
	f.Add(originaltest.Read("k", -1))
	f.Add([]byte("\x08\x01\x12\x01x\x1a\x00"))                    // other kinds of encoding, and an unknown field
	f.Add([]byte("\x0a\x02\x0b\x0c"))                             // a group within
	f.Add([]byte("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")) // a varint of 64 bits
	f.Add([]byte("\x10\x81\x80\x80\x80\x10"))                     // 2^32+1
	f.Fuzz(func(t *testing.T, message []byte) {
		for kind, name := range map[Kind]string{Create: "Create", Read: "Read", Delete: "Delete"} {
			m := originaltest.Message(name)
			err := proto.Unmarshal(message, m)
			got, ours := kind.decode(message)
			if ours != nil {
				if err == nil && (kind != Read || !originaltest.HoldsLong(message)) {
					t.Errorf("%s: refused", name)
				}
				continue
			}
			if !utf8.ValidString(got.ModifiedValue) || !utf8.ValidString(got.OriginalValue) || err != nil && strings.Contains(err.Error(), "UTF-8") {
				continue // the handler refuses it
			}
			if want := requestOf(m); err != nil || got != want {
				t.Errorf("%s: %q %q %d, want %q %q %d, %v", name, got.ModifiedValue, got.OriginalValue, got.Basis,
					want.ModifiedValue, want.OriginalValue, want.Basis, err)
			}
		}
	})
}

// TestLongBasis: of a number beyond 32 bits the low ones may be another basis than was stated.
func TestLongBasis(t *testing.T) {
	for number, want := range map[uint64]error{5: nil, 1<<64 - 1: nil, 1<<32 + 1: errMalformed, 1 << 31: errMalformed} {
		message := protowire.AppendVarint(protowire.AppendTag(originaltest.Read("k", 0), 2, protowire.VarintType), number)
		if _, err := Read.decode(message); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", number, err, want)
		}
	}
}

// requestOf reads a message by its descriptor.
func requestOf(m proto.Message) (r Request) {
	m.ProtoReflect().Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch d.Name() {
		case "piiRecord":
			r = requestOf(v.Message().Interface())
		case "modifiedValue":
			r.ModifiedValue = v.String()
		case "originalValue":
			r.OriginalValue = v.String()
		case "processingBasis":
			r.Basis = int32(v.Enum())
		}
		return true
	})
	return r
}

// TestRedacted: what holds a value prints as [redacted] under every verb.
func TestRedacted(t *testing.T) {
	for _, v := range []any{
		Request{ModifiedValue: "k", OriginalValue: "CANARY"}, &Request{OriginalValue: "CANARY"}, []Request{{OriginalValue: "CANARY"}},
		Answer{OriginalValue: "CANARY"}, []Answer{{OriginalValue: "CANARY"}}, received{Request: Request{OriginalValue: "CANARY"}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "CANARY") || strings.Contains(text, fmt.Sprintf("%x", "CANARY")) {
				t.Errorf("%T under %s: %s", v, verb, text)
			}
		}
	}
}
