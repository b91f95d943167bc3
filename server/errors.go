package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/vault"
)

// failure is an error as a caller sees it. It has nothing of the error behind it.
type failure struct {
	code   twirp.ErrorCode
	reason string // stable; meta.reason
	text   string
	field  string // meta.argument of an invalid_argument: the path from the request
	retry  string // meta.retry_after of a resource_exhausted, in seconds
}

// The failures whose text and reason never change. A reason is stable: programs compare it.
var (
	failUnauthenticated = &failure{code: twirp.Unauthenticated, reason: "unauthenticated", text: "a valid credential is required"}
	failIdentity        = &failure{code: twirp.Unavailable, reason: "identity_unavailable", text: "the credential could not be checked: who vouches for it gave no answer; try again"}
	failRole            = &failure{code: twirp.PermissionDenied, reason: "role_required", text: "the caller's roles do not allow this"}
	failNotFound        = &failure{code: twirp.NotFound, reason: "not_found", text: "there is no such record"}
	failNoEntry         = &failure{code: twirp.NotFound, reason: "not_found", text: "there is no such log or entry"}
	failAudit           = &failure{code: twirp.Unavailable, reason: "audit_unavailable", text: "the audit ledger is not available; nothing was released"}
	failStore           = &failure{code: twirp.Unavailable, reason: "store_unavailable", text: "the store is not available"}
	failDeadline        = &failure{code: twirp.DeadlineExceeded, reason: "deadline_exceeded", text: "it took too long"}
	failSlowBody        = &failure{code: twirp.DeadlineExceeded, reason: "body_too_slow", text: "the request did not arrive in time"}
	failCanceled        = &failure{code: twirp.Canceled, reason: "canceled", text: "the caller went away"}
	failLedger          = &failure{code: twirp.DataLoss, reason: "ledger_not_whole", text: "the ledger is not what was written; verify it"}
	failInternal        = &failure{code: twirp.Internal, reason: "internal", text: "internal error"}
	failBadRoute        = &failure{code: twirp.BadRoute, reason: "bad_route", text: "there is no such method"}
	failVerb            = &failure{code: twirp.BadRoute, reason: "bad_route", text: "the methods of the API are called by POST"}
	failContentType     = &failure{code: twirp.BadRoute, reason: "bad_route", text: "Content-Type must be application/json or application/protobuf"}
	failEncoding        = &failure{code: twirp.Malformed, reason: "content_encoding", text: "Content-Encoding must be absent or identity: compressed bodies are not taken"}
	failCharset         = &failure{code: twirp.Malformed, reason: "charset", text: "the charset in Content-Type must be utf-8 or absent"}
	failNotJSON         = &failure{code: twirp.Malformed, reason: "not_json", text: "the body must be a JSON object in UTF-8"}
	failMoreThanOne     = &failure{code: twirp.Malformed, reason: "more_than_one_document", text: "the body must be one JSON object and nothing else"}
	failNotProtobuf     = &failure{code: twirp.Malformed, reason: "not_protobuf", text: "the body must be a protobuf message of this call"}
	failStopping        = &failure{code: twirp.Unavailable, reason: "stopping", text: "the server stops; call again"}
	failBusy            = &failure{code: twirp.Unavailable, reason: "busy", text: "other requests take the memory that this one needs; try again"}
	failSlowAnswer      = &failure{code: twirp.DeadlineExceeded, reason: "answer_too_slow", text: "the answer was not taken in time"}
	failQuery           = &failure{code: twirp.InvalidArgument, reason: "query_too_large", text: fmt.Sprintf("the answer would have more than %d rows: count by fewer dimensions, or over a shorter time", piinguinv1.MaxSummaryRows), field: "by"}
	failTooLarge        = &failure{code: twirp.ResourceExhausted, reason: "answer_too_large", text: "the values before this one fill the answer; read it in a call of its own"}
	failBody            = &failure{code: twirp.InvalidArgument, reason: "body_too_large", text: "the body must be at most 4 MiB", field: "body"}
)

// failTooMany is a resource_exhausted that says how long to wait.
func failTooMany(wait time.Duration) *failure {
	return &failure{
		code: twirp.ResourceExhausted, reason: "too_many_requests",
		text: "the caller's limit is reached; try again after retry_after seconds", retry: seconds(wait),
	}
}

// failGuesses is a resource_exhausted of an address that sent too many wrong credentials.
func failGuesses(wait time.Duration) *failure {
	return &failure{
		code: twirp.ResourceExhausted, reason: "too_many_wrong_credentials",
		text: "a valid credential is required; too many wrong ones came from this address: try again after retry_after seconds", retry: seconds(wait),
	}
}

// invalid is an invalid_argument that names the field by its path. The reason has the field's own name,
// without the number of an item.
func invalid(path, problem, text string) *failure {
	name, _, _ := strings.Cut(path[strings.LastIndex(path, ".")+1:], "[")
	return &failure{code: twirp.InvalidArgument, reason: name + "_" + problem, text: path + " " + text, field: path}
}

// within returns an invalid_argument of a message's field as one of the message that stands at path.
func (f *failure) within(path string) *failure {
	if f == nil {
		return nil
	}
	g := *f
	g.text, g.field = path+"."+f.text, path+"."+f.field
	return &g
}

// failureOf is the one table from errors of the vault to what a caller sees. An error that it
// does not know is internal.
func failureOf(err error) *failure {
	var denied *vault.Denied
	switch {
	case errors.As(err, &denied) && denied.ByRole:
		return failRole
	case errors.As(err, &denied):
		return &failure{code: twirp.PermissionDenied, reason: denied.Reason, text: "the policy does not allow this"}
	case errors.Is(err, vault.ErrNotFound):
		return failNotFound
	case errors.Is(err, vault.ErrNoEntry):
		return failNoEntry
	case errors.Is(err, vault.ErrAuditUnavailable):
		return failAudit
	case errors.Is(err, vault.ErrLedgerNotWhole):
		return failLedger
	case errors.Is(err, vault.ErrStoreUnavailable):
		return failStore
	case errors.Is(err, errBusy):
		return failBusy
	case errors.Is(err, vault.ErrQuery):
		return failQuery
	case errors.Is(err, vault.ErrTooLarge):
		return failTooLarge
	case errors.Is(err, vault.ErrDeadline):
		return failDeadline
	case errors.Is(err, vault.ErrCanceled):
		return failCanceled
	}
	return failInternal
}

// wire returns the failure as a Twirp error.
func (f *failure) wire() twirp.Error {
	e := twirp.NewError(f.code, f.text).WithMeta(piinguinv1.MetaReason, f.reason)
	if f.field != "" {
		e = e.WithMeta(piinguinv1.MetaArgument, f.field)
	}
	if f.retry != "" {
		e = e.WithMeta(piinguinv1.MetaRetryAfter, f.retry)
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
	closesUnread(w, r)
	if f.retry != "" {
		w.Header().Set("Retry-After", f.retry)
	}
	_ = twirp.WriteError(w, e) // the caller may be gone
}
