package relay_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/snowplow/snowplow-golang-analytics-sdk/analytics"

	"github.com/piinguin/piinguin/relay"
)

// benchLines are the whole events of the sample file, of PII transformations or of
// other kinds, as Kinesis hands them over.
func benchLines(b *testing.B, pii bool) [][]byte {
	b.Helper()
	raw, err := os.ReadFile("testdata/pii_events.tsv")
	if err != nil {
		b.Fatal(err)
	}
	var lines [][]byte
	for line := range bytes.Lines(raw) {
		if e, reason := relay.Decode(line); reason == "" && e.Skipped() != pii {
			lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
		}
	}
	return lines
}

func benchDecode(b *testing.B, pii bool) {
	lines := benchLines(b, pii)
	b.ReportAllocs()
	for i := range b.N {
		if _, reason := relay.Decode(lines[i%len(lines)]); reason != "" {
			b.Fatal(reason)
		}
	}
}

func BenchmarkDecode(b *testing.B)          { benchDecode(b, true) }
func BenchmarkDecodeOtherKind(b *testing.B) { benchDecode(b, false) }

// BenchmarkSDK has Snowplow's own SDK parse the same lines as far as it takes to find
// the pairs; BenchmarkSDKOtherKind, as far as it takes to tell that there are none.
func BenchmarkSDK(b *testing.B) {
	lines := benchLines(b, true)
	b.ReportAllocs()
	for i := range b.N {
		e, err := analytics.ParseEvent(string(lines[i%len(lines)]))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.ToMap(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSDKOtherKind(b *testing.B) {
	lines := benchLines(b, false)
	b.ReportAllocs()
	for i := range b.N {
		e, err := analytics.ParseEvent(string(lines[i%len(lines)]))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.GetValue("event_name"); err != nil {
			b.Fatal(err)
		}
	}
}
