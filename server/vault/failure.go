package vault

import (
	"context"
	"errors"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// Failure is why a call, or one of its items, has no result. Its text is a code of a-z and _,
// which the entry of a failed operation has as its reason. Compare it with errors.Is.
type Failure string

// The failures. Every error of a Vault is one of them, or a *Denied.
const (
	// ErrNotFound: no such record, or the policy denies this one.
	ErrNotFound Failure = "not_found"
	// ErrNoEntry: no such log or entry in the ledger, or it was pruned.
	ErrNoEntry Failure = "no_entry"
	// ErrAuditUnavailable: the entry may not be durable, so nothing was released, changed
	// or told; or the ledger could not be read.
	ErrAuditUnavailable Failure = "audit_unavailable"
	// ErrLedgerNotWhole: the ledger is not what was written.
	ErrLedgerNotWhole Failure = "ledger_not_whole"
	// ErrStoreUnavailable: the store could not do it now, or may have done it. Doing it
	// again is safe.
	ErrStoreUnavailable Failure = "store_unavailable"
	// ErrQuery: the ledger does not answer this question, because the answer would be too large.
	ErrQuery Failure = "query_too_large"
	// ErrTooLarge: the values before this one in the same call take all that one answer may hold.
	// The value may be read in a call of its own.
	ErrTooLarge Failure = "answer_too_large"
	// ErrDeadline and ErrCanceled: the context ended first. Doing it again is safe.
	ErrDeadline Failure = "deadline_exceeded"
	ErrCanceled Failure = "canceled"
	// ErrInternal: anything else.
	ErrInternal Failure = "internal"
)

// Error implements error.
func (f Failure) Error() string { return "vault: " + string(f) }

// Denied says that the policy does not allow a call, or an item of it.
type Denied struct {
	Reason string // the policy's; a code of a-z and _
	ByRole bool   // the caller lacks the role
}

// Error implements error.
func (d *Denied) Error() string { return "vault: denied: " + d.Reason }

func denied(d policy.Decision) error { return &Denied{Reason: d.Reason, ByRole: d.ByRole} }

// failure is failureOf, and tells Config.Failed of the error unless nothing failed: there is just nothing
// there, or too much was asked for.
func (v *Vault) failure(ctx context.Context, err error) Failure {
	f := failureOf(err)
	if f != ErrNotFound && f != ErrNoEntry && f != ErrQuery {
		v.failed(ctx, err)
	}
	return f
}

// failureOf says which Failure an error of the store or the ledger is.
func failureOf(err error) Failure {
	var row *audit.RowError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, audit.ErrNotFound):
		return ErrNoEntry
	case errors.Is(err, audit.ErrQuery):
		return ErrQuery
	case errors.Is(err, audit.ErrUnavailable):
		return ErrAuditUnavailable
	case errors.As(err, &row):
		return ErrLedgerNotWhole
	case errors.Is(err, context.DeadlineExceeded):
		return ErrDeadline
	case errors.Is(err, context.Canceled):
		return ErrCanceled
	case errors.Is(err, store.ErrUnavailable):
		return ErrStoreUnavailable
	}
	return ErrInternal
}
