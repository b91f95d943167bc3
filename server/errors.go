package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/store"
)

// failure is an error as a caller sees it: nothing of the error behind it.
type failure struct {
	code   twirp.ErrorCode
	reason string // stable; meta.reason
	text   string
	field  string // meta.argument of an invalid_argument
}

var (
	failUnauthenticated = &failure{twirp.Unauthenticated, "unauthenticated", "a valid credential is required", ""}
	failDenied          = &failure{twirp.PermissionDenied, "role_required", "the caller's roles do not allow this", ""}
	failNotFound        = &failure{twirp.NotFound, "not_found", "there is no such record", ""}
	failNoEntry         = &failure{twirp.NotFound, "not_found", "there is no such log or entry", ""}
	failAudit           = &failure{twirp.Unavailable, "audit_unavailable", "the audit ledger is not available; nothing was released", ""}
	failStore           = &failure{twirp.Unavailable, "store_unavailable", "the store is not available", ""}
	failDeadline        = &failure{twirp.DeadlineExceeded, "deadline_exceeded", "it took too long", ""}
	failCanceled        = &failure{twirp.Canceled, "canceled", "the caller went away", ""}
	failLedger          = &failure{twirp.DataLoss, "ledger_not_whole", "the ledger is not what was written; verify it", ""}
	failInternal        = &failure{twirp.Internal, "internal", "internal error", ""}
	failBadRoute        = &failure{twirp.BadRoute, "bad_route", "there is no such method", ""}
	failBody            = &failure{twirp.InvalidArgument, "body_too_large", "the body must be at most 4 MiB", "body"}
)

// invalid is an invalid_argument that names the field.
func invalid(field, problem, text string) *failure {
	return &failure{twirp.InvalidArgument, field + "_" + problem, field + " " + text, field}
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
