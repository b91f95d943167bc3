package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// Version is the version of the entry format that this package writes and reads.
const Version = 1

// MaxLine is the size limit of a line in bytes (C2SP tlog-tiles, entry bundles).
const MaxLine = 65535

// maxIndex is the largest integer that every JSON reader keeps exactly (RFC 8785
// section 3.2.2.3).
const maxIndex = 1<<53 - 1

// timeLayout has a fixed width, so that times sort as texts do.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// Operation is what an entry records.
type Operation string

// The operations.
const (
	Read   Operation = "READ"   // an original value was asked for
	Delete Operation = "DELETE" // an erasure was asked for
	Create Operation = "CREATE" // a call asked to store records
	Review Operation = "REVIEW" // the ledger itself was read
	Opened Operation = "OPEN"   // a log was opened; its first entry
	Closed Operation = "CLOSE"  // a log was closed; its last entry
	Pruned Operation = "PRUNE"  // the lines of a closed log were removed
)

// isInternal reports whether the ledger itself writes entries of this operation. Pruning keeps
// their lines: they name no data subject, and they prove which logs follow.
func (o Operation) isInternal() bool { return o == Opened || o == Closed || o == Pruned }

// Outcome is how the operation ended.
type Outcome string

// The outcomes.
const (
	Granted  Outcome = "GRANTED"
	Denied   Outcome = "DENIED"
	NotFound Outcome = "NOT_FOUND"
	Failed   Outcome = "ERROR"
)

var (
	operations = []Operation{Read, Delete, Create, Review, Opened, Closed, Pruned}
	outcomes   = []Outcome{Granted, Denied, NotFound, Failed}
	// bases are the six lawful bases of GDPR Art. 6(1), by the names of the API.
	bases = []string{"CONSENT", "CONTRACT", "LEGAL_OBLIGATION", "VITAL_INTERESTS", "PUBLIC_TASK", "LEGITIMATE_INTERESTS"}

	// conditions are the ten conditions of GDPR Art. 9(2), by the names of the API.
	conditions = []string{
		"ART9_EXPLICIT_CONSENT", "ART9_EMPLOYMENT_AND_SOCIAL_PROTECTION", "ART9_VITAL_INTERESTS", "ART9_NOT_FOR_PROFIT_BODY",
		"ART9_MADE_PUBLIC", "ART9_LEGAL_CLAIMS", "ART9_SUBSTANTIAL_PUBLIC_INTEREST", "ART9_HEALTH_CARE", "ART9_PUBLIC_HEALTH",
		"ART9_ARCHIVING_AND_RESEARCH",
	}

	reasonPattern = regexp.MustCompile(`^[a-z_]{0,64}$`)
	logPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)
)

// ErrEntry says that an entry, or a line, breaks the format. It is never a temporary fault.
var ErrEntry = errors.New("audit: not a valid entry")

// Entry is one justification record. It never holds an original value. The Ledger sets Log, Index
// and Time. Texts are UTF-8 without control characters, and limits count bytes.
type Entry struct {
	Log            string    // the log's name
	Index          int64     // the place in the log, from 0
	Time           time.Time // UTC, to the microsecond; never going back in a log
	Operation      Operation
	Outcome        Outcome
	Reason         string // why it was denied or failed; a code of a-z and _
	Caller         string // the authenticated caller; at most 256 bytes
	Authentication string // how the caller was authenticated; at most 64 bytes
	OnBehalfOf     string // whom the caller says to act for; at most 512 bytes
	Basis          string // one of GDPR Art. 6(1), e.g. CONSENT, or empty
	Condition      string // one of GDPR Art. 9(2), e.g. ART9_EXPLICIT_CONSENT, or empty
	Policy         string // the id of the policy that decided; at most 64 bytes
	Purpose        string // at most 512 bytes
	Reference      string // at most 512 bytes; in an OPEN entry the verifier key, in a CLOSE the next log
	Checkpoint     string // "log size root" of another log: in an OPEN the log closed before it, in a PRUNE the pruned one
	ModifiedValue  string // the pseudonym; at most 128 bytes
	RequestID      string // at most 64 bytes; required but in OPEN and CLOSE
	Count          int64  // the records of a CREATE
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
	text("authentication", e.Authentication)
	text("basis", e.Basis)
	text("caller", e.Caller)
	text("checkpoint", e.Checkpoint)
	if e.Count != 0 {
		number("count", e.Count)
	}
	number("index", e.Index)
	text("log", e.Log)
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
	text("time", formatTime(e.Time))
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
	at, err := time.Parse(timeLayout, w.Time)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: time", ErrEntry)
	}
	e := Entry{
		Log: w.Log, Index: w.Index, Time: at,
		Operation: Operation(w.Operation), Outcome: Outcome(w.Outcome), Reason: w.Reason,
		Caller: w.Caller, Authentication: w.Authentication, OnBehalfOf: w.OnBehalfOf,
		Basis: w.Basis, Condition: w.Condition, Policy: w.Policy, Purpose: w.Purpose, Reference: w.Reference, Checkpoint: w.Checkpoint,
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

func (e Entry) validate() error {
	switch {
	case !logPattern.MatchString(e.Log):
		return fmt.Errorf("%w: log", ErrEntry)
	case e.Index < 0 || e.Index > maxIndex:
		return fmt.Errorf("%w: index", ErrEntry)
	case !e.Time.Equal(e.Time.Truncate(time.Microsecond)), e.Time.UTC().Year() < 1, e.Time.UTC().Year() > 9999:
		return fmt.Errorf("%w: time", ErrEntry)
	}
	return e.validateContent()
}

// validateContent checks the fields that the ledger's caller sets.
func (e Entry) validateContent() error {
	switch {
	case !slices.Contains(operations, e.Operation):
		return fmt.Errorf("%w: operation", ErrEntry)
	case !slices.Contains(outcomes, e.Outcome):
		return fmt.Errorf("%w: outcome", ErrEntry)
	case !reasonPattern.MatchString(e.Reason):
		return fmt.Errorf("%w: reason", ErrEntry)
	case e.Basis != "" && !slices.Contains(bases, e.Basis):
		return fmt.Errorf("%w: basis", ErrEntry)
	case e.Condition != "" && !slices.Contains(conditions, e.Condition):
		return fmt.Errorf("%w: special_category_condition", ErrEntry)
	case e.Count < 0 || e.Count > maxIndex:
		return fmt.Errorf("%w: count", ErrEntry)
	// Without a request id two servers could form equal pages. Each would then take the one
	// page that was committed for its own.
	case e.RequestID == "" && e.Operation != Opened && e.Operation != Closed:
		return fmt.Errorf("%w: request_id", ErrEntry)
	case e.Operation == Closed && !logPattern.MatchString(e.Reference):
		return fmt.Errorf("%w: reference", ErrEntry)
	}
	if err := e.validateCheckpoint(); err != nil {
		return err
	}
	for _, f := range []struct {
		name, value string
		limit       int
	}{
		{"caller", e.Caller, 256},
		{"authentication", e.Authentication, 64},
		{"on_behalf_of", e.OnBehalfOf, 512},
		{"policy", e.Policy, 64},
		{"purpose", e.Purpose, 512},
		{"reference", e.Reference, 512},
		{"modified_value", e.ModifiedValue, 128},
		{"request_id", e.RequestID, 64},
	} {
		if len(f.value) > f.limit || !plainText(f.value) {
			return fmt.Errorf("%w: %s", ErrEntry, f.name)
		}
	}
	return nil
}

func (e Entry) validateCheckpoint() error {
	switch {
	case e.Checkpoint == "" && e.Operation != Pruned:
		return nil
	case e.Operation == Opened, e.Operation == Pruned:
		if _, err := parseCommitment(e.Checkpoint); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: checkpoint", ErrEntry)
}

// plainText reports whether s is UTF-8 without control characters.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
