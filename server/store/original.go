package store

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Original is a personal value. It prints as [redacted] under every fmt verb, in
// JSON, in text encodings and in structured logs; Reveal is the only way to the
// value. The zero Original is the empty value, which is legal.
//
// The value sits behind a pointer: fmt does not call methods of values that it
// reaches through unexported fields, and would print a plain string there. As it
// is, an address is what shows. For the same reason == compares addresses: use Equal.
type Original struct{ value *string }

// NewOriginal wraps a personal value.
func NewOriginal(value string) Original { return Original{&value} }

// Reveal returns the personal value. Call it only where the value is stored, or
// where it leaves the process with its audit entry durable.
func (o Original) Reveal() string {
	if o.value == nil {
		return ""
	}
	return *o.value
}

// Size is how many bytes the value takes as a text of JSON, without its quotes: its longest encoding
// in an answer. A control character takes six, a quote or a backslash two.
func (o Original) Size() int {
	value := o.Reveal()
	size := len(value)
	for i := range len(value) {
		switch c := value[i]; {
		case c < ' ':
			size += len(`\u0000`) - 1
		case c == '"', c == '\\':
			size++
		}
	}
	return size
}

// Equal reports whether both hold the same value.
func (o Original) Equal(other Original) bool { return o.Reveal() == other.Reveal() }

// Format implements fmt.Formatter for every verb and flag.
func (Original) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String implements fmt.Stringer.
func (Original) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Original) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler, and so serves JSON, XML and
// every logger that falls back to one of them.
func (Original) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Original) LogValue() slog.Value { return slog.StringValue(redacted) }
