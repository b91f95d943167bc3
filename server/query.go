package server

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
)

// queryOf checks the filters.
func queryOf(req *piinguinv1.ListEntriesRequest, asks policy.Caller) (audit.Query, *failure) {
	q := audit.Query{
		Subjects: req.GetSubjects(), Callers: req.GetCallers(), Purposes: req.GetPurposes(), References: req.GetReferences(),
		RequestIDs: req.GetRequestIds(), Limit: piinguinv1.DefaultPageSize,
	}
	if req.GetHideOwnReviews() {
		q.HideReviews = audit.Principal{Caller: asks.Name, Authentication: asks.Authentication}
	}
	return q, firstFailure(
		checkValues("subjects", q.Subjects, piinguinv1.MaxStoredModifiedValue, checkText),
		checkValues("callers", q.Callers, piinguinv1.MaxCaller, checkShown),
		checkValues("purposes", q.Purposes, piinguinv1.MaxText, checkShown),
		checkValues("references", q.References, piinguinv1.MaxText, checkShown),
		checkValues("request_ids", q.RequestIDs, piinguinv1.MaxRequestID, checkShown),
		checkTime("from", req.GetFrom(), &q.From),
		checkTime("to", req.GetTo(), &q.To),
		checkEnums("bases", req.GetBases(), &q.Bases),
		checkEnums("operations", req.GetOperations(), &q.Operations),
		checkEnums("outcomes", req.GetOutcomes(), &q.Outcomes),
		checkLogs("logs", req.GetLogs(), &q.Logs),
		checkWindow(req),
		checkPage(req, &q))
}

// checkValues checks the values of a filter, each with one of the checks of texts.
func checkValues(field string, values []string, limit int, check func(field, value string, limit int) *failure) *failure {
	if len(values) > piinguinv1.MaxFilterValues {
		return failTooManyItems(field, piinguinv1.MaxFilterValues)
	}
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", field, i)
		if value == "" {
			return invalid(at, "required", "must not be empty")
		}
		if f := check(at, value, limit); f != nil {
			return f
		}
	}
	return nil
}

// checkEnums stores the names of a filter's values. The unspecified value is none: it would match no entry.
func checkEnums[E interface {
	protoreflect.Enum
	fmt.Stringer
}, S ~string](field string, values []E, into *[]S) *failure {
	if len(values) > piinguinv1.MaxFilterValues {
		return failTooManyItems(field, piinguinv1.MaxFilterValues)
	}
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", field, i)
		if value.Number() == 0 {
			return failUnknown(at, value.Descriptor())
		}
		if f := checkKnown(at, value); f != nil {
			return f
		}
		*into = append(*into, S(value.String()))
	}
	return nil
}

// checkLogs stores the logs of a filter.
func checkLogs(field string, names []string, into *[]audit.LogID) *failure {
	if len(names) > piinguinv1.MaxFilterValues {
		return failTooManyItems(field, piinguinv1.MaxFilterValues)
	}
	for i, name := range names {
		log, f := checkLog(fmt.Sprintf("%s[%d]", field, i), name)
		if f != nil {
			return f
		}
		*into = append(*into, log)
	}
	return nil
}

// checkTime stores the time of a filter; an absent one stores nothing. Entries have microseconds, so to
// round up selects the same ones as the time itself does.
func checkTime(field string, at *timestamppb.Timestamp, into *time.Time) *failure {
	if at == nil {
		return nil
	}
	if f := checkYear(field, at.IsValid(), at.AsTime()); f != nil {
		return f
	}
	up := at.AsTime().Add(time.Microsecond - 1).Truncate(time.Microsecond)
	*into = up
	return checkYear(field, true, up)
}

// checkWindow checks how the two times stand to each other.
func checkWindow(req *piinguinv1.ListEntriesRequest) *failure {
	both := req.GetFrom() != nil && req.GetTo() != nil
	window := req.GetTo().AsTime().Sub(req.GetFrom().AsTime())
	switch {
	case both && window <= 0:
		return invalid("to", "not_after_from", "must be after from")
	case len(req.GetRequestIds()) > 0 && (!both || window > piinguinv1.MaxRequestWindow):
		return invalid("request_ids", "window", fmt.Sprintf("needs from and to, at most %d hours apart", int(piinguinv1.MaxRequestWindow.Hours())))
	}
	return nil
}

// checkPage stores how many entries are asked for, and from where on.
func checkPage(req *piinguinv1.ListEntriesRequest, q *audit.Query) *failure {
	if n := req.GetPageSize(); n != 0 {
		if n < 0 || n > piinguinv1.MaxPageSize {
			return invalid("page_size", "out_of_range", fmt.Sprintf("must be 1 to %d", piinguinv1.MaxPageSize))
		}
		q.Limit = int(n)
	}
	if token := req.GetPageToken(); token != "" {
		before, err := audit.ParsePosition(token)
		if err != nil {
			return invalid("page_token", "unknown", "is not a page token from an earlier response")
		}
		q.Before = &before
	}
	return nil
}
