package audit

import (
	"fmt"
	"regexp"
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

	operationPattern = regexp.MustCompile(`^[A-Z_]{1,32}$`)
	reasonPattern    = regexp.MustCompile(`^[a-z_]{0,64}$`)
)

// validate checks the whole entry, as its line will be stored.
func (e Entry) validate() error {
	switch {
	case !ValidName(e.Ledger) || !e.Log.Valid():
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
	case !operationPattern.MatchString(string(e.Operation)):
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
	}
	if err := e.validateOwn(); err != nil {
		return err
	}
	for _, f := range []struct {
		name, value string
		limit       int
		shown       bool // free text of a caller, which is shown to people
	}{
		{"caller", e.Caller, 256, false},
		{"authentication", e.Authentication, 64, false},
		{"on_behalf_of", e.OnBehalfOf, 512, true},
		{"policy", e.Policy, 64, false},
		{"purpose", e.Purpose, 512, true},
		{"reference", e.Reference, 512, true},
		{"detail", e.Detail, 2048, true},
		{"grant", e.Grant, 64, true},
		{"modified_value", e.ModifiedValue, 2048, false},
		{"request_id", e.RequestID, 64, false},
	} {
		if len(f.value) > f.limit || !plainText(f.value) || f.shown && strings.ContainsFunc(f.value, isFormat) {
			return fmt.Errorf("%w: %s", ErrEntry, f.name)
		}
	}
	return nil
}

// validateOwn checks what depends on the operation.
func (e Entry) validateOwn() error {
	if e.About != "" {
		if _, err := ParsePlace(e.About); err != nil {
			return fmt.Errorf("%w: about", ErrEntry)
		}
	}
	trees, err := parseTrees(e.Checkpoint)
	switch e.Operation {
	case Checkpoint:
		if err != nil {
			return fmt.Errorf("%w: checkpoint", ErrEntry)
		}
	case Pruned:
		if err != nil || len(trees) != 1 {
			return fmt.Errorf("%w: checkpoint", ErrEntry)
		}
	default:
		if e.Checkpoint != "" {
			return fmt.Errorf("%w: checkpoint", ErrEntry)
		}
	}
	switch e.Operation {
	case Rekeyed:
		if _, err := ParseVerifierKey(e.Detail); err != nil {
			return fmt.Errorf("%w: detail", ErrEntry)
		}
		fallthrough
	case Opened:
		if _, err := ParseVerifierKey(e.Reference); err != nil {
			return fmt.Errorf("%w: reference", ErrEntry)
		}
	case RolledBack:
		if !ValidName(e.Reference) {
			return fmt.Errorf("%w: reference", ErrEntry)
		}
	case Held, Released:
		if e.Reference == "" {
			return fmt.Errorf("%w: reference", ErrEntry)
		}
	}
	// Without a request id two servers could form equal pages. Each would then take the one page
	// that was committed for its own. What the ledger writes by itself may be equal.
	if e.RequestID == "" && e.Operation != Opened && e.Operation != Checkpoint && e.Operation != Rekeyed && e.Operation != RolledBack {
		return fmt.Errorf("%w: request_id", ErrEntry)
	}
	return nil
}

// plainText reports whether s is UTF-8 without control characters.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// isFormat reports whether a character changes how others are shown: a bidi control, for example.
func isFormat(r rune) bool { return unicode.Is(unicode.Cf, r) }
