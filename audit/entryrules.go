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

// validate checks the whole entry, as its line will be stored.
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
		{"modified_value", e.ModifiedValue, 2048},
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
