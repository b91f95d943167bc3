package relay

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/relay/relaytest"
)

// FuzzDisaggregate: whatever message a sealed record holds, it is damaged or has parts. Each part
// stands in the message, and packed again the parts come back.
func FuzzDisaggregate(f *testing.F) {
	const magic, sum = 4, 16 // bytes before and behind the message
	for _, record := range [][]byte{relaytest.Aggregate("a", "", "b\n\x00"), relaytest.Aggregate()} {
		f.Add(record[magic : len(record)-sum])
	}
	for _, message := range []string{
		"", "\x1a\x00", "\x1a\x05\x1a\x01", "\x1a\x06\x1a\x01a\x1a\x01b", "\x18\x01", "\x1a\x02\x18\x01", "\x1b\x1a\x03\x1a\x01a\x1c",
		"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x00\x00",
	} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		parts, ok := disaggregate(relaytest.Seal(message))
		if ok != (len(parts) > 0) {
			t.Fatalf("%d parts, and whole: %v", len(parts), ok)
		}
		if !ok {
			return
		}
		lines := make([]string, len(parts))
		for i, part := range parts {
			if lines[i] = string(part); !bytes.Contains(message, part) {
				t.Errorf("part %d is not in the message", i)
			}
		}
		again, ok := disaggregate(relaytest.Aggregate(lines...))
		if diff := cmp.Diff(parts, again, cmpopts.EquateEmpty()); !ok || diff != "" {
			t.Errorf("packed again (-want +got):\n%s", diff)
		}
	})
}
