package audit

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// What parses lines by hand is held to this model, which leaves that to encoding/json, a library for RFC
// 8785 and regular expressions.

// lineFields are an entry's fields as its line has them.
type lineFields struct {
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

// ModelParse is the model of Parse.
func ModelParse(line []byte) (Entry, bool) {
	var w lineFields
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if dec.Decode(&w) != nil || w.Version != Version {
		return Entry{}, false
	}
	at, ok := ModelParseTime(w.Time)
	ledger, number := cutLast(w.Log)
	log, err := ParseLogID(number)
	if ModelValidName(w.Log) {
		ledger, log, err = w.Log, Spine, nil
	} else if log == Spine {
		ok = false
	}
	e := Entry{
		Ledger: ledger, Log: log, Index: w.Index, Time: at,
		Operation: Operation(w.Operation), Outcome: Outcome(w.Outcome), Reason: w.Reason,
		Caller: w.Caller, Authentication: w.Authentication, OnBehalfOf: w.OnBehalfOf,
		Basis: w.Basis, Condition: w.Condition, Policy: w.Policy, Purpose: w.Purpose, Reference: w.Reference, Checkpoint: w.Checkpoint,
		About: w.About, Detail: w.Detail, Grant: w.Grant,
		ModifiedValue: w.ModifiedValue, RequestID: w.RequestID, Count: w.Count,
	}
	if !ok || err != nil || !ModelValid(e) {
		return Entry{}, false
	}
	raw, err := json.Marshal(w)
	if err != nil {
		return Entry{}, false
	}
	canonical, err := jcs.Transform(raw)
	return e, err == nil && bytes.Equal(canonical, line)
}

// ModelParseTime is the model of ParseTime.
func ModelParseTime(text string) (time.Time, bool) {
	t, err := time.Parse(timeLayout, text)
	return t, err == nil && FormatTime(t) == text
}

var (
	modelName      = regexp.MustCompile(`^[a-z0-9-][a-z0-9.-]*(/[a-z0-9-]+)*$`)
	modelNumber    = regexp.MustCompile(`(^|/)[0-9]+$`)
	modelOperation = regexp.MustCompile(`^[A-Z_]{1,32}$`)
	modelReason    = regexp.MustCompile(`^[a-z_]{0,64}$`)
)

// ModelValidName is the model of ValidName.
func ModelValidName(name string) bool {
	return len(name) <= 63 && modelName.MatchString(name) && !modelNumber.MatchString(name)
}

// ModelValid is the model of what an entry may hold.
func ModelValid(e Entry) bool {
	if !ModelValidName(e.Ledger) || !e.Log.Valid() || e.Index < 0 || e.Index > maxIndex || e.Count < 0 || e.Count > maxIndex ||
		!e.Time.Equal(e.Time.Truncate(time.Microsecond)) || e.Time.UTC().Year() < 1 || e.Time.UTC().Year() > 9999 {
		return false
	}
	if !modelOperation.MatchString(string(e.Operation)) || !modelReason.MatchString(e.Reason) || !slices.Contains(outcomes, e.Outcome) ||
		e.Basis != "" && !slices.Contains(bases, e.Basis) || e.Condition != "" && !slices.Contains(conditions, e.Condition) {
		return false
	}
	for _, f := range []struct {
		value string
		limit int
		shown bool
	}{
		{e.Caller, 256, false},
		{e.Authentication, 64, false},
		{e.OnBehalfOf, 512, true},
		{e.Policy, 64, false},
		{e.Purpose, 512, true},
		{e.Reference, 512, true},
		{e.Detail, 2048, true},
		{e.Grant, 64, true},
		{e.ModifiedValue, 2048, false},
		{e.RequestID, 64, false},
	} {
		if len(f.value) > f.limit || !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, unicode.IsControl) ||
			f.shown && strings.ContainsFunc(f.value, func(r rune) bool { return unicode.Is(unicode.Cf, r) }) {
			return false
		}
	}
	return modelOwn(e)
}

// modelOwn is the model of what depends on the operation.
func modelOwn(e Entry) bool {
	_, aboutErr := ParsePlace(e.About)
	trees, treesErr := parseTrees(e.Checkpoint)
	_, detailErr := ParseVerifierKey(e.Detail)
	_, referenceErr := ParseVerifierKey(e.Reference)
	if e.About != "" && aboutErr != nil {
		return false
	}
	treeless := e.Checkpoint == ""
	switch e.Operation {
	case Checkpoint:
		return treesErr == nil
	case Pruned:
		return treesErr == nil && len(trees) == 1 && e.RequestID != ""
	case Opened:
		return treeless && referenceErr == nil
	case Rekeyed:
		return treeless && referenceErr == nil && detailErr == nil
	case RolledBack:
		return treeless && ModelValidName(e.Reference)
	case Held, Released:
		return treeless && e.Reference != "" && e.RequestID != ""
	default:
		return treeless && e.RequestID != ""
	}
}
