package audit

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query selects entries. A zero field selects everything; a field with several values selects entries
// with any of them, and an entry must match every field. CHECKPOINT entries are selected only if
// Operations names them.
type Query struct {
	From, To    time.Time // From <= the entry's time < To
	Subjects    []string  // modified values
	Callers     []string
	Bases       []string
	Operations  []Operation
	Outcomes    []Outcome
	Purposes    []string
	References  []string
	RequestIDs  []string // needs From and To, at most MaxRequestWindow apart
	Logs        []LogID
	HideReviews Principal // leaves out the REVIEW entries of this caller; both fields or neither
	Before      *Position // only entries before this place; nil for all
	Limit       int       // at least 1
}

// MaxValues is how many values a field of a Query may have, and MaxRequestWindow the longest window of
// one with request ids: nothing is derived for those, so the pages of the window are read.
const (
	MaxValues        = 100
	MaxRequestWindow = 24 * time.Hour
)

// ErrQuery says that a Query cannot be answered. The error names the field.
var ErrQuery = errors.New("audit: not a query")

// Validate returns an error that wraps ErrQuery if the query cannot be answered.
func (q Query) Validate() error {
	for _, f := range []struct {
		name   string
		values int
	}{
		{"subjects", len(q.Subjects)}, {"callers", len(q.Callers)}, {"bases", len(q.Bases)}, {"operations", len(q.Operations)},
		{"outcomes", len(q.Outcomes)}, {"purposes", len(q.Purposes)}, {"references", len(q.References)},
		{"request_ids", len(q.RequestIDs)}, {"logs", len(q.Logs)},
	} {
		if f.values > MaxValues {
			return fmt.Errorf("%w: %s: more than %d values", ErrQuery, f.name, MaxValues)
		}
	}
	switch {
	case q.Limit < 1:
		return fmt.Errorf("%w: limit: less than 1", ErrQuery)
	case len(q.RequestIDs) == 0:
		return nil
	case q.From.IsZero() || q.To.IsZero() || q.To.Sub(q.From) > MaxRequestWindow:
		return fmt.Errorf("%w: request_ids: needs from and to, at most %s apart", ErrQuery, MaxRequestWindow)
	}
	return nil
}

// Principal is a caller as entries name it. The zero Principal is nobody.
type Principal struct {
	Caller         string
	Authentication string // how the name was proven: two methods may prove one name, of two callers
}

// Match reports whether the entry is selected.
func (q Query) Match(e Entry) bool {
	return (q.From.IsZero() || !e.Time.Before(q.From)) &&
		(q.To.IsZero() || e.Time.Before(q.To)) &&
		among(q.Subjects, e.ModifiedValue) && among(q.Callers, e.Caller) && among(q.Bases, e.Basis) &&
		among(q.Operations, e.Operation) && among(q.Outcomes, e.Outcome) && among(q.Purposes, e.Purpose) &&
		among(q.References, e.Reference) && among(q.RequestIDs, e.RequestID) && among(q.Logs, e.Log) &&
		(e.Operation != Checkpoint || len(q.Operations) > 0) && // a minute's work, and nobody's reading
		(e.Operation != Review || q.HideReviews != Principal{e.Caller, e.Authentication}) &&
		(q.Before == nil || e.Position().Compare(*q.Before) < 0)
}

// among reports whether a filter with these values selects one.
func among[T comparable](values []T, value T) bool {
	return len(values) == 0 || slices.Contains(values, value)
}

// wanted returns a function that says whether a line may be of an entry that matches: whether it has, as
// Format writes it, one value of each field that is asked for by free text.
func (q Query) wanted() func(line []byte) bool {
	var all [][][]byte
	for _, f := range []struct {
		name   string
		values []string
	}{
		{"modified_value", q.Subjects}, {"reference", q.References}, {"request_id", q.RequestIDs}, {"caller", q.Callers}, {"purpose", q.Purposes},
	} {
		if len(f.values) == 0 || slices.Contains(f.values, "") { // which a line does not have
			continue
		}
		var some [][]byte
		for _, v := range f.values {
			text := appendText(nil, f.name, v)
			some = append(some, text[:len(text)-1]) // of the comma
		}
		all = append(all, some)
	}
	return func(line []byte) bool {
		for _, some := range all {
			if !slices.ContainsFunc(some, func(text []byte) bool { return bytes.Contains(line, text) }) {
				return false
			}
		}
		return true
	}
}

// until is the position from which on nothing matches; zero if there is none.
func (q Query) until() Position {
	until := Position{Time: q.To}
	if q.Before != nil && (q.To.IsZero() || q.Before.Compare(until) < 0) {
		return *q.Before
	}
	return until
}

// Position is an entry's place among the entries of all logs. Positions are ordered by time, then
// by log, then by index, so that a list over several logs can be continued without a gap.
type Position struct {
	Time  time.Time
	Log   LogID
	Index int64
}

// Position returns the entry's place.
func (e Entry) Position() Position { return Position{e.Time, e.Log, e.Index} }

// Compare orders positions, oldest first.
func (p Position) Compare(o Position) int {
	return cmp.Or(p.Time.Compare(o.Time), cmp.Compare(p.Log, o.Log), cmp.Compare(p.Index, o.Index))
}

// String returns the position as an opaque token, which ParsePosition reads.
func (p Position) String() string {
	text := FormatTime(p.Time) + " " + p.Log.String() + " " + strconv.FormatInt(p.Index, 10)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// ParsePosition reads a token of Position.String. It accepts no other spelling of it.
func ParsePosition(token string) (Position, error) {
	errToken := errors.New("audit: not a position token")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return Position{}, errToken
	}
	parts := strings.Split(string(raw), " ")
	if len(parts) != 3 {
		return Position{}, errToken
	}
	at, timeErr := ParseTime(parts[0])
	log, logErr := ParseLogID(parts[1])
	index, indexErr := strconv.ParseInt(parts[2], 10, 64)
	p := Position{at, log, index}
	if timeErr != nil || logErr != nil || indexErr != nil || index < 0 || p.String() != token {
		return Position{}, errToken
	}
	return p, nil
}
