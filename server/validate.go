package server

import (
	"fmt"
	"time"
	"unicode/utf8"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/store"
)

// checkText returns what is wrong with a text field, or nil.
func checkText(field, value string, limit int) *failure {
	switch {
	case len(value) > limit:
		return invalid(field, "too_long", fmt.Sprintf("must be at most %d bytes", limit))
	case !utf8.ValidString(value):
		return invalid(field, "not_utf8", "must be UTF-8")
	case piinguinv1.HasControl(value):
		return invalid(field, "control_character", "must not hold control characters")
	}
	return nil
}

// checkShown checks a text that goes into the ledger and is shown to reviewers.
func checkShown(field, value string, limit int) *failure {
	f := checkText(field, value, limit)
	if f == nil && piinguinv1.HasFormat(value) {
		f = invalid(field, "format_character", "must not hold characters that change how text is shown")
	}
	return f
}

// checkModifiedValue checks a key. A create takes shorter ones than a read or a delete.
func checkModifiedValue(value string, limit int) *failure {
	if value == "" {
		return invalid("modified_value", "required", "is required")
	}
	return checkText("modified_value", value, limit)
}

// checkItems checks the number of items of a batch.
func checkItems(field string, n int) *failure {
	switch {
	case n == 0:
		return invalid(field, "required", "needs at least one item")
	case n > piinguinv1.MaxBatch:
		return failTooManyItems(field, piinguinv1.MaxBatch)
	}
	return nil
}

// failTooManyItems is an invalid_argument of a list that is too long.
func failTooManyItems(field string, most int) *failure {
	return invalid(field, "too_many", fmt.Sprintf("must have at most %d items", most))
}

// statement is the part of a request in which a reader states why, the same in both reads.
type statement interface {
	stated
	GetProcessingBasis() piinguinv1.LawfulBasisForProcessing
	GetSpecialCategoryCondition() piinguinv1.SpecialCategoryCondition
}

// checkStatement checks what a reader states. An omitted basis is refused and never taken for
// consent; so is a basis or a condition that this version does not know.
func (s *Server) checkStatement(req statement) *failure {
	basis := req.GetProcessingBasis()
	if basis == piinguinv1.LawfulBasisForProcessing_LAWFUL_BASIS_UNSPECIFIED {
		return invalid("processing_basis", "required", "is required: "+namesOf(basis.Descriptor()))
	}
	f := firstFailure(checkKnown("processing_basis", basis),
		checkKnown("special_category_condition", req.GetSpecialCategoryCondition()))
	if f != nil {
		return f
	}
	if s.requirePurpose && !piinguinv1.IsVisible(req.GetPurpose()) {
		return invalid("purpose", "required", "is required")
	}
	if s.requireReference && !piinguinv1.IsVisible(req.GetReference()) {
		return invalid("reference", "required", "is required")
	}
	return checkStated(req)
}

// stated is what the caller of a read or an erasure may say in its own words.
type stated interface {
	GetPurpose() string
	GetReference() string
	GetOnBehalfOf() string
}

func checkStated(req stated) *failure {
	return firstFailure(
		checkShown("purpose", req.GetPurpose(), piinguinv1.MaxText),
		checkShown("reference", req.GetReference(), piinguinv1.MaxText),
		checkShown("on_behalf_of", req.GetOnBehalfOf(), piinguinv1.MaxText))
}

// checkYear refuses times that no calendar has, and the year 1: its first moment is Go's zero time, which
// stands for a time that is absent.
func checkYear(field string, valid bool, at time.Time) *failure {
	switch {
	case !valid:
		return invalid(field, "not_a_time", "must be a time of the years 2 to 9999")
	case at.Year() < 2 || at.Year() > 9999:
		return invalid(field, "out_of_range", "must be a time of the years 2 to 9999")
	}
	return nil
}

// firstFailure returns the first that is not nil, so that the answer names the first bad field.
func firstFailure(failures ...*failure) *failure {
	for _, f := range failures {
		if f != nil {
			return f
		}
	}
	return nil
}

// recordOf checks a record to store and returns it. An original value may hold control
// characters, as no other text may: refusing the value would lose it.
func recordOf(r *piinguinv1.PiiRecord, now time.Time) (store.Record, *failure) {
	src := r.GetSource()
	f := firstFailure(
		checkModifiedValue(r.GetModifiedValue(), piinguinv1.MaxModifiedValue),
		checkText("source.field_name", src.GetFieldName(), piinguinv1.MaxText),
		checkText("source.json_path", src.GetJsonPath(), piinguinv1.MaxText),
		checkText("source.schema", src.GetSchema(), piinguinv1.MaxText),
		checkText("source.hash_function", src.GetHashFunction(), piinguinv1.MaxText),
		checkText("source.parent_event_id", src.GetParentEventId(), piinguinv1.MaxText))
	switch {
	case f != nil:
	case len(r.GetOriginalValue()) > piinguinv1.MaxOriginalValue:
		f = invalid("original_value", "too_long", fmt.Sprintf("must be at most %d bytes", piinguinv1.MaxOriginalValue))
	case !utf8.ValidString(r.GetOriginalValue()):
		f = invalid("original_value", "not_utf8", "must be UTF-8")
	}
	observed := now
	if at := r.GetObservedAt(); f == nil && at != nil {
		observed = at.AsTime()
		if f = checkYear("observed_at", at.IsValid(), observed); f == nil && observed.After(now.Add(piinguinv1.MaxAhead)) {
			f = invalid("observed_at", "in_the_future", "must be at most one hour after the server's time")
		}
	}
	if f != nil {
		return store.Record{}, f
	}
	return store.Record{
		ModifiedValue: r.GetModifiedValue(),
		Original:      store.NewOriginal(r.GetOriginalValue()),
		ObservedAt:    observed,
		Source: store.Source{
			FieldName: src.GetFieldName(), JSONPath: src.GetJsonPath(), Schema: src.GetSchema(),
			HashFunction: src.GetHashFunction(), ParentEventID: src.GetParentEventId(),
		},
	}, nil
}
