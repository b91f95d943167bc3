package store

import (
	"errors"
	"time"
)

// timeLayout has a fixed width, so that texts in it compare as the times do, in
// SQL as in a DynamoDB condition.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// FormatTime returns the text in which drivers keep a time: UTC, to the nanosecond,
// 30 bytes for the years 0 to 9999. Texts of two times compare as the times do.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime returns the time of a text that FormatTime made, and an error that does
// not quote it for any other text.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text) // package time is quick at this layout, which takes more texts
	var again [len(timeLayout)]byte
	if err != nil || string(t.UTC().AppendFormat(again[:0], timeLayout)) != text {
		return time.Time{}, errors.New("store: not a time of fixed width")
	}
	return t, nil
}
