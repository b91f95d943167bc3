package audit

import (
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Version is the version of the entry format that this package writes and reads.
const Version = 2

// MaxLine is the size limit of a line in bytes (C2SP tlog-tiles, entry bundles).
const MaxLine = 65535

// Format returns the entry's line: canonical JSON, without a newline. The error wraps ErrEntry and
// names the field that breaks the format, never its content.
func (e Entry) Format() ([]byte, error) {
	if err := e.validate(); err != nil {
		return nil, err
	}
	line := e.canonical()
	if len(line) > MaxLine {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrEntry, MaxLine)
	}
	return line, nil
}

// canonical writes the entry in the form of RFC 8785: names sorted, no white space, and only the
// quote and the backslash escaped (section 3.2.2.2: an entry has no control characters). It is
// written by hand because it is a good part of what a read costs and most of what verifying
// costs. A test compares it with a library.
func (e Entry) canonical() []byte {
	b := make([]byte, 0, 512)
	comma := byte('{')
	name := func(name string) {
		b = append(append(append(b, comma, '"'), name...), '"', ':')
		comma = ','
	}
	text := func(field, value string) {
		if value != "" {
			name(field)
			b = appendText(b, value)
		}
	}
	number := func(field string, value int64) {
		name(field)
		b = strconv.AppendInt(b, value, 10)
	}
	text("about", e.About)
	text("authentication", e.Authentication)
	text("basis", e.Basis)
	text("caller", e.Caller)
	text("checkpoint", e.Checkpoint)
	if e.Count != 0 {
		number("count", e.Count)
	}
	text("detail", e.Detail)
	text("grant", e.Grant)
	number("index", e.Index)
	text("log", Origin(e.Ledger, e.Log))
	text("modified_value", e.ModifiedValue)
	text("on_behalf_of", e.OnBehalfOf)
	text("operation", string(e.Operation))
	text("outcome", string(e.Outcome))
	text("policy", e.Policy)
	text("purpose", e.Purpose)
	text("reason", e.Reason)
	text("reference", e.Reference)
	text("request_id", e.RequestID)
	text("special_category_condition", e.Condition)
	text("time", FormatTime(e.Time))
	number("version", Version)
	return append(b, '}')
}

// appendText appends a JSON string. s is UTF-8 without control characters.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// LeafHash returns the RFC 6962 leaf hash of a line: SHA-256(0x00 || line).
func LeafHash(line []byte) tlog.Hash { return tlog.RecordHash(line) }
