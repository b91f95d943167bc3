package vault

import (
	"context"
	"errors"
	"slices"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// Statement is what a caller states, in its own words. Each entry of its call has it.
type Statement struct {
	Basis      string // the lawful basis of GDPR Art. 6(1), for example CONSENT; a read requires it
	Condition  string // the condition of GDPR Art. 9(2), or empty
	Purpose    string // at most 512 bytes, as are the next two
	Reference  string
	OnBehalfOf string
	// Reason is the reason of each entry that is neither denied nor failed, a code of a-z and _;
	// usually empty.
	Reason string
}

// Reading is what became of one key of a Read: a value with its receipt, or an error.
type Reading struct {
	value Released
	err   error
}

// Value returns the value, and whether there is one.
func (r Reading) Value() (Released, bool) { return r.value, r.err == nil }

// Err returns why there is no value, or nil.
func (r Reading) Err() error { return r.err }

// MaxReleased bounds the values that one Read releases, in bytes of store.Original.Size. A batch of
// the longest values fits if they are plain text. A key that is given many times counts each time.
const MaxReleased = 16 << 20

// Read reads the records of 0 to store.MaxBatch keys, which may repeat: one Reading a key, in
// order. Each key has an entry. The error is of the whole call: a *Denied if the caller may
// not read any of the keys, or ErrAuditUnavailable if that denial is not durable.
//
// A value that does not fit into MaxReleased after those before it fails with ErrTooLarge, and so
// does its entry. The first one always fits.
//
// The policy decides once as if no record existed, and once a key. A caller that is denied a
// key gets the first decision's answer, so a denial never tells that a record exists. How
// many decisions there are depends on nothing but the number of keys, so neither does time.
func (v *Vault) Read(ctx context.Context, c Call, s Statement, keys []string) ([]Reading, error) {
	if s.Basis == "" {
		return nil, ErrInternal // whoever serves the vault has let it through
	}
	decide := v.policy.Current().Ask(c.request(s.read()))
	absent := decide("")
	fetched := v.fetch(ctx, absent, keys)
	entries, told := make([]audit.Entry, len(keys)), make([]error, len(keys))
	allowed, released := absent.Allow, 0
	for i, got := range fetched {
		d := decide(fieldOf(got))
		entries[i] = s.entry(c, audit.Read, keys[i])
		if told[i] = v.settle(ctx, &entries[i], got.Err, d, absent); told[i] == nil {
			released, told[i] = fit(&entries[i], released, got.Record.Original.Size())
		}
		allowed = allowed || d.Allow
	}
	readings := make([]Reading, len(keys))
	for i, appended := range v.append(ctx, entries...) {
		readings[i] = conclude(fetched[i].Record, told[i], appended)
	}
	if !allowed {
		return nil, wholeDenial(readings, absent)
	}
	return readings, nil
}

// read is the statement as the policy sees it.
func (s Statement) read() *policy.Read {
	return &policy.Read{
		Basis: s.Basis, SpecialCategoryCondition: s.Condition, Purpose: s.Purpose,
		Reference: s.Reference, OnBehalfOf: s.OnBehalfOf,
	}
}

// entry begins the entry of an operation on one key, or on none.
func (s Statement) entry(c Call, op audit.Operation, key string) audit.Entry {
	e := c.entry(op)
	e.Basis, e.Condition, e.Purpose, e.Reference, e.OnBehalfOf = s.Basis, s.Condition, s.Purpose, s.Reference, s.OnBehalfOf
	e.ModifiedValue, e.Reason = key, s.Reason
	return e
}

// fetch reads the store, unless the caller lacks the role: no record can change that denial,
// and whoever has no role must not load the store.
func (v *Vault) fetch(ctx context.Context, absent policy.Decision, keys []string) []store.GetResult {
	if absent.ByRole {
		return slices.Repeat([]store.GetResult{{Err: store.ErrNotFound}}, len(keys))
	}
	return v.store.Get(ctx, keys)
}

// fieldOf returns the field that a record's value was found in; "" if it is not known or
// there is no record.
func fieldOf(got store.GetResult) string {
	if got.Err != nil {
		return ""
	}
	return got.Record.Source.FieldName
}

// settle completes the entry of one key, and returns what the caller is told in place of the
// value; nil if the value is to be released.
func (v *Vault) settle(ctx context.Context, e *audit.Entry, err error, d, absent policy.Decision) error {
	e.Policy = d.Policy
	switch {
	case !d.Allow:
		e.Outcome, e.Reason = audit.Denied, d.Reason
		if absent.Allow {
			return ErrNotFound
		}
		return denied(absent)
	case errors.Is(err, store.ErrNotFound):
		e.Outcome = audit.NotFound
		return ErrNotFound
	case err != nil:
		f := v.failure(ctx, err)
		e.Outcome, e.Reason = audit.Failed, string(f)
		return f
	}
	return nil
}

// fit adds the size of a value to what is released, or fails its entry. That is known before any
// entry is appended, so none claims that a value was released which was not.
func fit(e *audit.Entry, released, size int) (int, error) {
	if released > 0 && released+size > MaxReleased {
		e.Outcome, e.Reason = audit.Failed, string(ErrTooLarge)
		return released, ErrTooLarge
	}
	return released + size, nil
}

// conclude makes the Reading of one key. Without a durable entry the caller learns nothing,
// not even that the record does not exist.
func conclude(fetched store.Record, told error, appended audit.Result) Reading {
	switch {
	case appended.Err != nil:
		return Reading{err: ErrAuditUnavailable}
	case told != nil:
		return Reading{err: told}
	}
	value, err := release(fetched, appended.Durable)
	return Reading{value, err}
}

// wholeDenial is the error of a call none of whose keys the caller may read.
func wholeDenial(readings []Reading, absent policy.Decision) error {
	for _, r := range readings {
		if errors.Is(r.err, ErrAuditUnavailable) {
			return ErrAuditUnavailable
		}
	}
	return denied(absent)
}
