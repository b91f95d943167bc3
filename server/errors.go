package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// failure is an error as a caller sees it: nothing of the error behind it.
type failure struct {
	code   twirp.ErrorCode
	reason string // stable; meta.reason
	text   string
	field  string // meta.argument of an invalid_argument
	retry  string // meta.retry_after of a resource_exhausted, in seconds
}

var (
	failUnauthenticated = &failure{code: twirp.Unauthenticated, reason: "unauthenticated", text: "a valid credential is required"}
	failRole            = &failure{code: twirp.PermissionDenied, reason: "role_required", text: "the caller's roles do not allow this"}
	failNotFound        = &failure{code: twirp.NotFound, reason: "not_found", text: "there is no such record"}
	failNoEntry         = &failure{code: twirp.NotFound, reason: "not_found", text: "there is no such log or entry"}
	failAudit           = &failure{code: twirp.Unavailable, reason: "audit_unavailable", text: "the audit ledger is not available; nothing was released"}
	failStore           = &failure{code: twirp.Unavailable, reason: "store_unavailable", text: "the store is not available"}
	failDeadline        = &failure{code: twirp.DeadlineExceeded, reason: "deadline_exceeded", text: "it took too long"}
	failCanceled        = &failure{code: twirp.Canceled, reason: "canceled", text: "the caller went away"}
	failLedger          = &failure{code: twirp.DataLoss, reason: "ledger_not_whole", text: "the ledger is not what was written; verify it"}
	failInternal        = &failure{code: twirp.Internal, reason: "internal", text: "internal error"}
	failBadRoute        = &failure{code: twirp.BadRoute, reason: "bad_route", text: "there is no such method"}
	failBody            = &failure{code: twirp.InvalidArgument, reason: "body_too_large", text: "the body must be at most 4 MiB", field: "body"}
)

// failureOfDenial is what a caller is told of a denial. Its reason is the policy's.
func failureOfDenial(d policy.Decision) *failure {
	if d.Reason == failRole.reason {
		return failRole
	}
	return &failure{code: twirp.PermissionDenied, reason: d.Reason, text: "the policy does not allow this"}
}

// failTooMany is a resource_exhausted that says when to come again.
func failTooMany(wait time.Duration) *failure {
	return &failure{
		code: twirp.ResourceExhausted, reason: "too_many_requests",
		text: "the caller's limit is reached; come again after retry_after seconds", retry: seconds(wait),
	}
}

// invalid is an invalid_argument that names the field.
func invalid(field, problem, text string) *failure {
	return &failure{code: twirp.InvalidArgument, reason: field + "_" + problem, text: field + " " + text, field: field}
}

// failureOf is the one table from errors to what a caller sees. What it does not
// know is internal.
func failureOf(err error) *failure {
	var row *audit.RowError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return failNotFound
	case errors.Is(err, audit.ErrNotFound):
		return failNoEntry
	case errors.Is(err, audit.ErrUnavailable):
		return failAudit
	case errors.As(err, &row):
		return failLedger
	case errors.Is(err, context.DeadlineExceeded):
		return failDeadline
	case errors.Is(err, context.Canceled):
		return failCanceled
	case errors.Is(err, store.ErrUnavailable):
		return failStore
	}
	return failInternal
}

// wire returns the failure as a Twirp error.
func (f *failure) wire() twirp.Error {
	e := twirp.NewError(f.code, f.text).WithMeta("reason", f.reason)
	if f.field != "" {
		e = e.WithMeta("argument", f.field)
	}
	if f.retry != "" {
		e = e.WithMeta("retry_after", f.retry)
	}
	return e
}

// item returns the failure as the error of one item of a batch.
func (f *failure) item() *piinguinv1.Error {
	return &piinguinv1.Error{Code: string(f.code), Reason: f.reason}
}

// writeError answers a request that never reaches Twirp's own code.
func writeError(w http.ResponseWriter, r *http.Request, f *failure) {
	e := f.wire()
	recordError(r.Context(), e)
	_ = twirp.WriteError(w, e) // the caller may be gone
}
