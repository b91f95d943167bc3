package store_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/server/store"
)

func TestTimeTextsCompareAsTimes(t *testing.T) {
	lowest, highest := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	draw := rapid.Custom(func(t *rapid.T) time.Time {
		seconds := rapid.Int64Range(lowest.Unix(), highest.Unix()).Draw(t, "seconds")
		zone := time.FixedZone("", rapid.IntRange(-12*3600, 14*3600).Draw(t, "zone"))
		return time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(zone)
	})
	rapid.Check(t, func(t *rapid.T) {
		a := draw.Draw(t, "a")
		b := rapid.OneOf(draw, rapid.Just(a), rapid.Just(a.Add(1))).Draw(t, "b")
		textA, textB := store.FormatTime(a), store.FormatTime(b)
		if got, want := strings.Compare(textA, textB), a.Compare(b); got != want {
			t.Fatalf("%s against %s: %d, want %d", textA, textB, got, want)
		}
		if back, err := store.ParseTime(textA); err != nil || !back.Equal(a) || back.Location() != time.UTC {
			t.Fatalf("ParseTime(%s) = %v, %v", textA, back, err)
		}
	})
}

func TestParseTimeRefuses(t *testing.T) {
	for _, text := range []string{
		"", canary, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.000000000", "2026-01-02T03:04:05,000000000Z",
		"2026-01-02T03:04:05.000000000+00:00", "2026-02-30T03:04:05.000000000Z", " 2026-01-02T03:04:05.000000000Z", "2026-01-02 03:04:05.000000000Z",
	} {
		_, err := store.ParseTime(text)
		if err == nil {
			t.Errorf("ParseTime(%q) accepts it", text)
			continue
		}
		checkNoCanary(t, "the error", err.Error())
	}
}

// FuzzParseTime: a text that is taken is the one that its time has.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{
		store.FormatTime(time.Unix(1, 2)), "2026-02-30T00:00:00.000000000Z", "2026-02-03T04:05:06.7Z", "2026-02-03T04:05:06,000000000Z",
		"-001-02-03T04:05:06.000000000Z", "2026-02-03T24:00:00.000000000Z", "c4n4ry",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := store.ParseTime(text)
		if err == nil && store.FormatTime(at) != text {
			t.Errorf("%q is taken for %v", text, at)
		}
		if err != nil && err.Error() != "store: not a time of fixed width" {
			t.Errorf("the error has a text of its own: %v", err)
		}
	})
}
