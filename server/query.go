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
		ModifiedValue: req.GetSubject(), Caller: req.GetCaller(), Purpose: req.GetPurpose(), Reference: req.GetReference(),
		RequestID: req.GetRequestId(), Limit: piinguinv1.DefaultPageSize,
	}
	if req.GetHideOwnReviews() {
		q.HideReviews = audit.Principal{Caller: asks.Name, Authentication: asks.Authentication}
	}
	f := firstFailure(
		checkText("subject", req.GetSubject(), piinguinv1.MaxStoredModifiedValue),
		checkShown("caller", req.GetCaller(), piinguinv1.MaxCaller),
		checkShown("purpose", req.GetPurpose(), piinguinv1.MaxText),
		checkShown("reference", req.GetReference(), piinguinv1.MaxText),
		checkShown("request_id", req.GetRequestId(), piinguinv1.MaxRequestID),
		checkTime("from", req.GetFrom(), &q.From),
		checkTime("to", req.GetTo(), &q.To),
		checkEnum("basis", req.GetBasis(), &q.Basis),
		checkEnum("operation", req.GetOperation(), (*string)(&q.Operation)),
		checkEnum("outcome", req.GetOutcome(), (*string)(&q.Outcome)))
	if n := req.GetPageSize(); f == nil && n != 0 {
		if n < 0 || n > piinguinv1.MaxPageSize {
			return q, invalid("page_size", "out_of_range", fmt.Sprintf("must be 1 to %d", piinguinv1.MaxPageSize))
		}
		q.Limit = int(n)
	}
	if token := req.GetPageToken(); f == nil && token != "" {
		before, err := audit.ParsePosition(token)
		if err != nil {
			return q, invalid("page_token", "unknown", "is not a page token from an earlier response")
		}
		q.Before = &before
	}
	return q, f
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

// checkEnum stores the name of a filter's value; the unspecified value stores nothing.
func checkEnum(field string, value interface {
	protoreflect.Enum
	fmt.Stringer
}, into *string) *failure {
	f := checkKnown(field, value)
	if f == nil && value.Number() != 0 {
		*into = value.String()
	}
	return f
}
