package vault

import (
	"fmt"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/store"
)

// Released is an original value whose entry is durable. Text is the only way to the value:
// under every fmt verb and in text encodings a Released prints as [redacted]. The zero
// Released holds no value.
type Released struct {
	// text is behind a pointer because fmt prints a plain string that it reaches through
	// an unexported field of another type.
	text    *string
	size    int
	record  store.Record
	receipt audit.Receipt
}

// release is the last step of a read, and the only place where a value comes out. It refuses
// any entry but a granted READ of the very key that was fetched.
func release(fetched store.Record, d audit.Durable) (Released, error) {
	e := d.Entry()
	if e.Operation != audit.Read || e.Outcome != audit.Granted || e.ModifiedValue != fetched.ModifiedValue {
		return Released{}, ErrInternal
	}
	text, size := fetched.Original.Reveal(), fetched.Original.Size()
	fetched.Original = store.Original{}
	return Released{&text, size, fetched, d.Receipt()}, nil
}

// Text returns the personal value. Send it to the caller, and put it nowhere else.
func (r Released) Text() string {
	if r.text == nil {
		return ""
	}
	return *r.text
}

// Size is the Size of the value as a store.Original.
func (r Released) Size() int { return r.size }

// Record returns what else is known of the record; its Original is empty.
func (r Released) Record() store.Record { return r.record }

// Receipt returns where the entry of the read stands.
func (r Released) Receipt() audit.Receipt { return r.receipt }

// Format implements fmt.Formatter for every verb and flag.
func (Released) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// MarshalText implements encoding.TextMarshaler, and so serves JSON and loggers.
func (Released) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
