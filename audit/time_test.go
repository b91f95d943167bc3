package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// FuzzParseTime holds ParseTime to package time.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{
		"2026-02-03T04:05:06.123456Z", "2024-02-29T23:59:59.999999Z", "2023-02-29T00:00:00.000000Z", "1900-02-29T00:00:00.000000Z", "2000-02-29T00:00:00.000000Z",
		"2026-00-10T00:00:00.000000Z", "2026-13-10T00:00:00.000000Z", "2026-10-00T00:00:00.000000Z", "2026-04-31T00:00:00.000000Z", "2026-01-01T24:00:00.000000Z",
		"2026-01-01T23:60:00.000000Z", "2026-01-01T23:59:60.000000Z", "0000-01-01T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z",
		"2026-02-03T04:05:06,123456Z", "2026-02-03T04:05:06.12345Z", "2026-02-03t04:05:06.123456z", "-026-02-03T04:05:06.123456Z", canary, "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := audit.ParseTime(text)
		want, ok := audit.ModelParseTime(text)
		if ok != (err == nil) || ok && !got.Equal(want) || ok && got.Location() != time.UTC {
			t.Errorf("ParseTime(%q) = %v, %v; package time says %t, %v", text, got, err, ok, want)
		}
		if err != nil && !errors.Is(err, audit.ErrEntry) {
			t.Errorf("ParseTime: %v, want ErrEntry", err)
		}
		mustNotQuote(t, err)
	})
}
