package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxIndex is the largest integer that every JSON reader keeps exactly (RFC 8785
// section 3.2.2.3).
const maxIndex = 1<<53 - 1

var (
	outcomes = []Outcome{Granted, Denied, NotFound, Failed}
	// bases are the six lawful bases of GDPR Art. 6(1), by the names of the API.
	bases = []string{"CONSENT", "CONTRACT", "LEGAL_OBLIGATION", "VITAL_INTERESTS", "PUBLIC_TASK", "LEGITIMATE_INTERESTS"}

	// conditions are the ten conditions of GDPR Art. 9(2), by the names of the API.
	conditions = []string{
		"ART9_EXPLICIT_CONSENT", "ART9_EMPLOYMENT_AND_SOCIAL_PROTECTION", "ART9_VITAL_INTERESTS", "ART9_NOT_FOR_PROFIT_BODY",
		"ART9_MADE_PUBLIC", "ART9_LEGAL_CLAIMS", "ART9_SUBSTANTIAL_PUBLIC_INTEREST", "ART9_HEALTH_CARE", "ART9_PUBLIC_HEALTH",
		"ART9_ARCHIVING_AND_RESEARCH",
	}
)

// validatePlace checks the fields that the ledger sets.
func (e *Entry) validatePlace() error {
	year := e.Time.UTC().Year()
	switch {
	case !ValidName(e.Ledger) || !e.Log.Valid():
		return wrong("log")
	case e.Index < 0 || e.Index > maxIndex:
		return wrong("index")
	case e.Time.Nanosecond()%int(time.Microsecond) != 0, year < 1, year > 9999:
		return wrong("time")
	}
	return nil
}

// validateContent checks the fields that the ledger's caller sets. Each entry passes it before it is
// written and when it is read, so it allocates nothing.
func (e *Entry) validateContent() error {
	if field := cmp.Or(e.wrongTerm(), e.wrongOwn(), e.wrongText()); field != "" {
		return wrong(field)
	}
	return nil
}

// wrong names the field that breaks the format.
func wrong(field string) error { return fmt.Errorf("%w: %s", ErrEntry, field) }

// wrongTerm returns the name of the first field that is not one of the terms for it.
func (e *Entry) wrongTerm() string {
	switch {
	case e.Operation == "" || !isCode(string(e.Operation), 'A', 'Z', 32):
		return "operation"
	case !slices.Contains(outcomes, e.Outcome):
		return "outcome"
	case !isCode(e.Reason, 'a', 'z', 64):
		return "reason"
	case e.Basis != "" && !slices.Contains(bases, e.Basis):
		return "basis"
	case e.Condition != "" && !slices.Contains(conditions, e.Condition):
		return "special_category_condition"
	case e.Count < 0 || e.Count > maxIndex:
		return "count"
	}
	return ""
}

// isCode reports whether a text has nothing but letters of a range and underscores.
func isCode(s string, first, last byte, most int) bool {
	for i := range len(s) {
		if s[i] != '_' && (s[i] < first || s[i] > last) {
			return false
		}
	}
	return len(s) <= most
}

// wrongText returns the name of the first text that is too long or has a character that it must not have.
func (e *Entry) wrongText() string {
	switch {
	case !isPlain(e.Caller, 256):
		return "caller"
	case !isPlain(e.Authentication, 64):
		return "authentication"
	case !isShown(e.OnBehalfOf, 512):
		return "on_behalf_of"
	case !isPlain(e.Policy, 64):
		return "policy"
	case !isShown(e.Purpose, 512):
		return "purpose"
	case !isShown(e.Reference, 512):
		return "reference"
	case !isShown(e.Detail, 2048):
		return "detail"
	case !isShown(e.Grant, 64):
		return "grant"
	case !isPlain(e.ModifiedValue, 2048):
		return "modified_value"
	case !isPlain(e.RequestID, 64):
		return "request_id"
	}
	return ""
}

// wrongOwn returns the name of the first field that is wrong for the operation.
func (e *Entry) wrongOwn() string {
	if e.About != "" {
		if _, err := ParsePlace(e.About); err != nil {
			return "about"
		}
	}
	if !e.hasTrees() {
		return "checkpoint"
	}
	switch e.Operation {
	case Rekeyed:
		if _, err := ParseVerifierKey(e.Detail); err != nil {
			return "detail"
		}
		fallthrough
	case Opened:
		if _, err := ParseVerifierKey(e.Reference); err != nil {
			return "reference"
		}
	case RolledBack:
		if !ValidName(e.Reference) {
			return "reference"
		}
	case Held, Released:
		if e.Reference == "" {
			return "reference"
		}
	}
	// Without a request id two servers could form equal pages. Each would then take the one page
	// that was committed for its own. What the ledger writes by itself may be equal.
	if e.RequestID == "" && e.Operation != Opened && e.Operation != Checkpoint && e.Operation != Rekeyed && e.Operation != RolledBack {
		return "request_id"
	}
	return ""
}

// hasTrees reports whether the field checkpoint has the trees that the operation wants.
func (e *Entry) hasTrees() bool {
	if e.Operation != Checkpoint && e.Operation != Pruned {
		return e.Checkpoint == ""
	}
	trees, err := parseTrees(e.Checkpoint)
	return err == nil && (e.Operation == Checkpoint || len(trees) == 1)
}

// isPlain reports whether s is UTF-8 of at most most bytes without control characters.
func isPlain(s string, most int) bool {
	if len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return utf8.ValidString(s[i:]) && !strings.ContainsFunc(s[i:], unicode.IsControl)
		}
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// isShown is isPlain for the free text of a caller, which people read: it has no character that changes
// how others are shown, such as a bidi control.
func isShown(s string, most int) bool { return isPlain(s, most) && !strings.ContainsFunc(s, isFormat) }

func isFormat(r rune) bool { return r >= utf8.RuneSelf && unicode.Is(unicode.Cf, r) }
