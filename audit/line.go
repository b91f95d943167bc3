package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Version is the version of the entry format that this package writes and reads.
const Version = 2

// MaxLine is the size limit of a line in bytes (C2SP tlog-tiles, entry bundles).
const MaxLine = 65535

// timeLayout has a fixed width, so that times sort as texts do.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// FormatTime returns a time as lines and rows have it: UTC with microseconds, of a fixed width.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime reads FormatTime, and no other spelling of it.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(timeLayout, text)
	if err != nil || FormatTime(t) != text {
		return time.Time{}, fmt.Errorf("%w: time", ErrEntry)
	}
	return t, nil
}

// wireEntry is what Parse decodes the JSON of an entry into.
type wireEntry struct {
	Version        int    `json:"version"`
	Log            string `json:"log"`
	Index          int64  `json:"index"`
	Time           string `json:"time"`
	Operation      string `json:"operation"`
	Outcome        string `json:"outcome"`
	Reason         string `json:"reason,omitempty"`
	Caller         string `json:"caller,omitempty"`
	Authentication string `json:"authentication,omitempty"`
	OnBehalfOf     string `json:"on_behalf_of,omitempty"`
	Basis          string `json:"basis,omitempty"`
	Condition      string `json:"special_category_condition,omitempty"`
	Policy         string `json:"policy,omitempty"`
	Purpose        string `json:"purpose,omitempty"`
	Reference      string `json:"reference,omitempty"`
	Checkpoint     string `json:"checkpoint,omitempty"`
	About          string `json:"about,omitempty"`
	Detail         string `json:"detail,omitempty"`
	Grant          string `json:"grant,omitempty"`
	ModifiedValue  string `json:"modified_value,omitempty"`
	RequestID      string `json:"request_id,omitempty"`
	Count          int64  `json:"count,omitempty"`
}

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

// Parse reads a line. It accepts exactly the lines that Format returns, to the byte, so a line has
// one spelling only. The error wraps ErrEntry.
func Parse(line []byte) (Entry, error) {
	var w wireEntry
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return Entry{}, fmt.Errorf("%w: not the expected JSON object", ErrEntry)
	}
	if w.Version != Version {
		return Entry{}, fmt.Errorf("%w: not of version %d", ErrEntry, Version)
	}
	at, err := ParseTime(w.Time)
	if err != nil {
		return Entry{}, err
	}
	ledger, log, err := ParseOrigin(w.Log)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: log", ErrEntry)
	}
	e := Entry{
		Ledger: ledger, Log: log, Index: w.Index, Time: at,
		Operation: Operation(w.Operation), Outcome: Outcome(w.Outcome), Reason: w.Reason,
		Caller: w.Caller, Authentication: w.Authentication, OnBehalfOf: w.OnBehalfOf,
		Basis: w.Basis, Condition: w.Condition, Policy: w.Policy, Purpose: w.Purpose, Reference: w.Reference, Checkpoint: w.Checkpoint,
		About: w.About, Detail: w.Detail, Grant: w.Grant,
		ModifiedValue: w.ModifiedValue, RequestID: w.RequestID, Count: w.Count,
	}
	again, err := e.Format()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, line) {
		return Entry{}, fmt.Errorf("%w: not in canonical form", ErrEntry)
	}
	return e, nil
}

// LeafHash returns the RFC 6962 leaf hash of a line: SHA-256(0x00 || line).
func LeafHash(line []byte) tlog.Hash { return tlog.RecordHash(line) }
