package audit

import (
	"cmp"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Query selects entries. A zero field selects everything.
type Query struct {
	From, To      time.Time // From <= the entry's time < To
	ModifiedValue string
	Caller        string
	Basis         string
	Operation     Operation
	Outcome       Outcome
	Purpose       string
	Reference     string
	RequestID     string
	HideReviews   Principal // leaves out the REVIEW entries of this caller; both fields or neither
	Before        *Position // only entries before this place; nil for all
	Limit         int       // at least 1
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
		(q.ModifiedValue == "" || e.ModifiedValue == q.ModifiedValue) &&
		(q.Caller == "" || e.Caller == q.Caller) &&
		(q.Basis == "" || e.Basis == q.Basis) &&
		(q.Operation == "" || e.Operation == q.Operation) &&
		(q.Outcome == "" || e.Outcome == q.Outcome) &&
		(q.Purpose == "" || e.Purpose == q.Purpose) &&
		(q.Reference == "" || e.Reference == q.Reference) &&
		(q.RequestID == "" || e.RequestID == q.RequestID) &&
		(e.Operation != Checkpoint || q.Operation == Checkpoint) && // a minute's work, and nobody's reading
		(e.Operation != Review || q.HideReviews != Principal{e.Caller, e.Authentication}) &&
		(q.Before == nil || e.Position().Compare(*q.Before) < 0)
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
