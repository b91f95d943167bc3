package audit

import "time"

// timeLayout has a fixed width, so that times sort as texts do.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// FormatTime returns a time as lines and rows have it: UTC with microseconds, of a fixed width.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime reads FormatTime, and no other spelling of it.
func ParseTime(text string) (time.Time, error) {
	ok := len(text) == len(timeLayout)
	number := func(from, to int) (n int) { // of the text's digits
		for i := from; ok && i < to; i++ {
			if text[i] < '0' || text[i] > '9' {
				ok = false
			}
			n = 10*n + int(text[i]-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second, micro := number(11, 13), number(14, 16), number(17, 19), number(20, 26)
	for _, i := range []int{4, 7, 10, 13, 16, 19, 26} {
		ok = ok && text[i] == timeLayout[i]
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, micro*1000, time.UTC)
	// Date takes a second 61 for the next minute's first, and a 30 February for 2 March.
	ok = ok && month == int(t.Month()) && day == t.Day() && hour == t.Hour() && minute == t.Minute() && second == t.Second()
	if !ok {
		return time.Time{}, wrong("time")
	}
	return t, nil
}
