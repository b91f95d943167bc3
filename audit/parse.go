package audit

import (
	"cmp"
	"strings"
)

// Parse reads a line. It accepts exactly the lines that Format returns, to the byte, so a line has
// one spelling only. The error wraps ErrEntry.
//
// A line is parsed by hand, because verifying does little else. The fields have one order and each
// value one spelling, so what is read here in order, and valid, is what Format would write. A fuzz
// target compares it with encoding/json and Format.
//
// The texts of the entry share one copy of the line.
func Parse(line []byte) (Entry, error) {
	if len(line) > MaxLine {
		return Entry{}, errCanonical
	}
	r := lineReader{rest: string(line), before: '{'}
	var e Entry
	e.About = r.text("about")
	e.Authentication = r.text("authentication")
	e.Basis = r.text("basis")
	e.Caller = r.text("caller")
	e.Checkpoint = r.text("checkpoint")
	e.Count = r.count("count")
	e.Detail = r.text("detail")
	e.Grant = r.text("grant")
	e.Index = r.number("index")
	origin := r.text("log")
	e.ModifiedValue = r.text("modified_value")
	e.OnBehalfOf = r.text("on_behalf_of")
	e.Operation = Operation(r.text("operation"))
	e.Outcome = Outcome(r.text("outcome"))
	e.Policy = r.text("policy")
	e.Purpose = r.text("purpose")
	e.Reason = r.text("reason")
	e.Reference = r.text("reference")
	e.RequestID = r.text("request_id")
	e.Condition = r.text("special_category_condition")
	at := r.text("time")
	if r.number("version") != Version || r.bad || r.rest != "}" {
		return Entry{}, errCanonical
	}
	var err error
	if e.Ledger, e.Log, err = ParseOrigin(origin); err != nil {
		return Entry{}, wrong("log")
	}
	if e.Time, err = ParseTime(at); err != nil {
		return Entry{}, err
	}
	if err := cmp.Or(e.validatePlace(), e.validateContent()); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// errCanonical says that a line is not spelled as Format spells it.
var errCanonical = wrong("not the canonical JSON of version 2")

// lineReader reads a line's fields in their order.
type lineReader struct {
	rest   string
	before byte // what stands before the next field: a brace, then commas
	bad    bool // something was not as Format writes it
}

// has takes the name of a field, if it comes next.
func (r *lineReader) has(field string) bool {
	n := len(field)
	if len(r.rest) < n+4 || r.rest[0] != r.before || r.rest[1] != '"' || r.rest[2:n+2] != field || r.rest[n+2:n+4] != `":` {
		return false
	}
	r.rest, r.before = r.rest[n+4:], ','
	return true
}

// text takes a field that is a text; an empty one is left out. What the text may hold is not looked at.
func (r *lineReader) text(field string) string {
	if !r.has(field) {
		return ""
	}
	if !strings.HasPrefix(r.rest, `"`) {
		r.bad = true
		return ""
	}
	end := strings.IndexByte(r.rest[1:], '"') + 1
	value := r.rest[1:max(end, 1)]
	if strings.IndexByte(value, '\\') >= 0 {
		value, end = unescape(r.rest)
	}
	if end <= 1 { // there is no second quote, or nothing between the two
		r.bad = true
		return ""
	}
	r.rest = r.rest[end+1:]
	return value
}

// unescape returns the text that a JSON string with escapes begins with, and where its second quote is. It
// is 0 if there is none, or an escape that Format does not write.
func unescape(s string) (value string, end int) {
	b := make([]byte, 0, 256)
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return string(b), i
		case '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", 0
			}
		}
		b = append(b, s[i])
	}
	return "", 0
}

// number takes a field that is a number and must be there.
func (r *lineReader) number(field string) int64 {
	if !r.has(field) {
		r.bad = true
		return 0
	}
	return r.digits()
}

// count takes a field that is a number, and left out if it is 0.
func (r *lineReader) count(field string) int64 {
	if !r.has(field) {
		return 0
	}
	n := r.digits()
	r.bad = r.bad || n == 0
	return n
}

// digits takes a whole number from 0 to maxIndex.
func (r *lineReader) digits() (n int64) {
	i := 0
	for ; i < len(r.rest) && '0' <= r.rest[i] && r.rest[i] <= '9' && n <= maxIndex; i++ {
		n = 10*n + int64(r.rest[i]-'0')
	}
	r.bad = r.bad || i == 0 || i > 1 && r.rest[0] == '0' || n > maxIndex
	r.rest = r.rest[i:]
	return n
}
