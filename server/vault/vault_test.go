package vault_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

const noAddresses = `
@id("no-addresses") @reason("field_not_allowed")
forbid (principal, action in Action::"Read", resource)
when { context has field_name && context.field_name == "user_ipaddress" };`

func TestNewRefuses(t *testing.T) {
	v := newTestVault(t, nil)
	for what, c := range map[string]vault.Config{
		"Ledger": {Store: v.records, Policy: policy.NewBuiltin()},
		"Store":  {Ledger: &audit.Ledger{}, Policy: policy.NewBuiltin()},
		"Policy": {Ledger: &audit.Ledger{}, Store: v.records},
	} {
		if got, err := vault.New(c); got != nil || err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("New without %s: %v", what, err)
		}
	}
}

// TestRead reads a batch with every outcome at once.
func TestRead(t *testing.T) {
	v := newTestVault(t, newTestPolicy(t, noAddresses))
	v.put(t, "id", "user_id")
	v.put(t, "address", "user_ipaddress")
	if diff := cmp.Diff([]string{canary, "vault: not_found", "vault: not_found", canary}, v.read(t, "id", "address", "absent", "id")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"READ GRANTED  id", "READ DENIED field_not_allowed address", "READ NOT_FOUND  absent", "READ GRANTED  id",
	}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if got := v.read(t); len(got) != 0 {
		t.Errorf("a read of no keys: %v", got)
	}
}

// TestReceipt: what comes out names the entry that stands in the ledger.
func TestReceipt(t *testing.T) {
	v := newTestVault(t, nil)
	v.put(t, "a", "")
	c := call(policy.ReadPiiRecord, policy.Reader)
	s := vault.Statement{Basis: "CONSENT", Condition: "ART9_HEALTH_CARE", Purpose: "p", Reference: "r", OnBehalfOf: "o"}
	readings, err := v.Read(t.Context(), c, s, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	value, ok := readings[0].Value()
	if !ok || value.Text() != canary || value.Record().ModifiedValue != "a" {
		t.Fatalf("no value: %v", readings[0].Err())
	}
	at := value.Receipt()
	e, err := audit.OpenIndex(v.ledger).Entry(t.Context(), at.Log, at.Index)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Entry{
		Ledger: ledgerName, Log: 1, Index: at.Index, Time: at.Time, Operation: audit.Read, Outcome: audit.Granted,
		Caller: "somebody", Authentication: "token", OnBehalfOf: "o", Basis: "CONSENT", Condition: "ART9_HEALTH_CARE",
		Policy: "reader-reads", Purpose: "p", Reference: "r", ModifiedValue: "a", RequestID: "r-1",
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNothingWithoutEntry: when no entry can be made durable, no value comes out, nothing is
// changed, and a caller that is denied does not even learn that.
func TestNothingWithoutEntry(t *testing.T) {
	v := newTimedVault(t, nil, 50*time.Millisecond)
	v.put(t, "a", "")
	v.set(func(v *tested) { v.commitErr = errEngine })
	lost := vault.ErrAuditUnavailable.Error()
	if diff := cmp.Diff([]string{lost, lost}, v.read(t, "a", "absent")); diff != "" {
		t.Errorf("a read (-want +got):\n%s", diff)
	}
	_, err := v.Read(t.Context(), call(policy.ReadPiiRecord, policy.Writer), stated, []string{"a"})
	wantError(t, "a denied read", err, vault.ErrAuditUnavailable)
	_, _, err = v.Create(t.Context(), call(policy.CreatePiiRecord, policy.Writer), stated, []store.Record{{ModifiedValue: "b"}})
	wantError(t, "a create", err, vault.ErrAuditUnavailable)
	erasures, err := v.Erase(t.Context(), call(policy.DeletePiiRecord, policy.Eraser), stated, []string{"a"})
	if err != nil || !errors.Is(erasures[0].Err, vault.ErrAuditUnavailable) {
		t.Errorf("an erasure: %v, %v", err, erasures)
	}
	_, err = v.Review(t.Context(), call(policy.ListEntries, policy.Auditor), vault.Inquiry{Reference: "list"}, func() error { return nil })
	wantError(t, "a review", err, vault.ErrAuditUnavailable)
	got := v.records.Get(t.Context(), []string{"a", "b"})
	if got[0].Err != nil || !errors.Is(got[1].Err, store.ErrNotFound) {
		t.Error("a create or an erasure took effect without its entry")
	}
	if v.failures != 6 {
		t.Errorf("Appended was told of %d failures, want 6", v.failures)
	}
}

// TestFirstValueFits: a value that is longer than all of a call may be is released if it comes first,
// as a table of the original Piinguin may hold it. What comes after it is an entry that says why not.
func TestFirstValueFits(t *testing.T) {
	v := newTestVault(t, nil)
	v.put(t, "a", "")
	long := store.NewOriginal(strings.Repeat("x", vault.MaxReleased+1))
	if r := v.records.Put(t.Context(), []store.Record{{ModifiedValue: "long", Original: long, ObservedAt: time.Now()}}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	readings, err := v.Read(t.Context(), call(policy.ReadPiiRecords, policy.Reader), stated, []string{"long", "a", "absent"})
	if err != nil {
		t.Fatal(err)
	}
	if value, ok := readings[0].Value(); !ok || value.Size() != long.Size() {
		t.Errorf("the first: %v", readings[0].Err())
	}
	wantError(t, "the next", readings[1].Err(), vault.ErrTooLarge)
	if diff := cmp.Diff([]string{"READ GRANTED  long", "READ ERROR answer_too_large a", "READ NOT_FOUND  absent"}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestCallerGone: cancelling a read while its record is fetched does not cancel its entry.
func TestCallerGone(t *testing.T) {
	v := newTestVault(t, nil)
	v.put(t, "a", "")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	v.set(func(v *tested) { v.whileGet = leave })
	readings, err := v.Read(ctx, call(policy.ReadPiiRecord, policy.Reader), stated, []string{"a"})
	if err != nil || !errors.Is(readings[0].Err(), vault.ErrCanceled) {
		t.Errorf("%v, %v", err, readings)
	}
	if diff := cmp.Diff([]string{"READ ERROR canceled a"}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestStoreFails: a failure of the store is an entry with its reason, after the GRANTED one of
// a change, and nobody learns what the engine said.
func TestStoreFails(t *testing.T) {
	for _, test := range []struct {
		err  error
		want vault.Failure
	}{
		{store.ErrUnavailable, vault.ErrStoreUnavailable},
		{context.DeadlineExceeded, vault.ErrDeadline},
		{errEngine, vault.ErrInternal},
	} {
		v := newTestVault(t, newTestPolicy(t, noAddresses))
		v.put(t, "a", "user_ipaddress") // which the store must not tell beside its error
		v.set(func(v *tested) { v.storeErr = test.err })
		if diff := cmp.Diff([]string{test.want.Error()}, v.read(t, "a")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		records := []store.Record{{ModifiedValue: "b"}, {ModifiedValue: "c"}}
		results, _, err := v.Create(t.Context(), call(policy.CreatePiiRecords, policy.Writer), stated, records)
		if diff := cmp.Diff([]store.PutResult{{Err: test.want}, {Err: test.want}}, results, cmpopts.EquateErrors()); err != nil || diff != "" {
			t.Errorf("create: %v (-want +got):\n%s", err, diff)
		}
		erasures, err := v.Erase(t.Context(), call(policy.DeletePiiRecord, policy.Eraser), stated, []string{"a"})
		if diff := cmp.Diff([]vault.Erasure{{Err: test.want}}, erasures, cmpopts.EquateErrors()); err != nil || diff != "" {
			t.Errorf("erase: %v (-want +got):\n%s", err, diff)
		}
		if diff := cmp.Diff([]string{
			"READ ERROR " + string(test.want) + " a", "CREATE GRANTED", "CREATE ERROR " + string(test.want),
			"DELETE GRANTED  a", "DELETE ERROR " + string(test.want) + " a",
		}, v.outcomes(t)); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
	}
}

// TestDenied: the policy's denial is an error with its reason and whether the role was
// missing; a caller without the role does not reach the store.
func TestDenied(t *testing.T) {
	v := newTestVault(t, newTestPolicy(t, `
@id("consent-only") @reason("basis_not_allowed")
forbid (principal, action in Action::"Read", resource) unless { context.basis == "CONSENT" };
@id("role-text") @reason("role_required") forbid (principal, action == Action::"GetEntry", resource);`))
	v.put(t, "a", "")
	read := func(role policy.Role) error {
		_, err := v.Read(t.Context(), call(policy.ReadPiiRecords, role), stated, []string{"a", "absent"})
		return err
	}
	wantDenied(t, "by basis", read(policy.Reader), vault.Denied{Reason: "basis_not_allowed"})
	before := v.calls["Get"]
	wantDenied(t, "by role", read(policy.Writer), vault.Denied{Reason: "role_required", ByRole: true})
	if v.calls["Get"] != before {
		t.Error("the store was asked for a caller without the role")
	}
	_, _, err := v.Create(t.Context(), call(policy.CreatePiiRecord, policy.Eraser), stated, []store.Record{{ModifiedValue: "b"}})
	wantDenied(t, "create", err, vault.Denied{Reason: "role_required", ByRole: true})
	_, err = v.Erase(t.Context(), call(policy.DeletePiiRecord, policy.Writer), stated, []string{"a"})
	wantDenied(t, "erase", err, vault.Denied{Reason: "role_required", ByRole: true})
	fetched := false
	fetch := func() error { fetched = true; return nil }
	// A policy's own reason may have any name: it is no role that is missing.
	_, err = v.Review(t.Context(), call(policy.GetEntry, policy.Auditor), vault.Inquiry{Reference: "entry"}, fetch)
	wantDenied(t, "review", err, vault.Denied{Reason: "role_required"})
	_, err = v.Review(t.Context(), call(policy.GetCheckpoint, policy.Writer), vault.Inquiry{Reference: "checkpoint", Hashes: true}, fetch)
	wantDenied(t, "checkpoint", err, vault.Denied{Reason: "role_required", ByRole: true})
	if fetched {
		t.Error("the ledger was read for a caller who may not")
	}
	if diff := cmp.Diff([]string{
		"READ DENIED basis_not_allowed a", "READ DENIED basis_not_allowed absent",
		"READ DENIED role_required a", "READ DENIED role_required absent",
		"CREATE DENIED role_required", "DELETE DENIED role_required a",
		"REVIEW DENIED role_required", "REVIEW DENIED role_required",
	}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestNoBasis: a read without a lawful basis reaches nothing.
func TestNoBasis(t *testing.T) {
	v := newTestVault(t, nil)
	v.put(t, "a", "")
	if _, err := v.Read(t.Context(), call(policy.ReadPiiRecord, policy.Reader), vault.Statement{}, []string{"a"}); err == nil || v.calls["Get"] != 0 {
		t.Errorf("%v, and %d calls of the store", err, v.calls["Get"])
	}
}

func TestCreateAndErase(t *testing.T) {
	v := newTestVault(t, nil)
	at := time.Now()
	records := []store.Record{{ModifiedValue: "a", ObservedAt: at}, {ModifiedValue: "a", ObservedAt: at.Add(-time.Hour)}}
	results, receipt, err := v.Create(t.Context(), call(policy.CreatePiiRecords, policy.Writer), stated, records)
	if err != nil || receipt.Index != 1 || results[0].Outcome != store.Stored || results[1].Outcome != store.Superseded {
		t.Errorf("create: %v %v %v", results, receipt, err)
	}
	erasures, err := v.Erase(t.Context(), call(policy.DeletePiiRecords, policy.Eraser), stated, []string{"a", "absent"})
	if err != nil || !erasures[0].Erased || erasures[1].Erased || erasures[0].Receipt.Index != 2 || erasures[1].Receipt.Index != 3 {
		t.Errorf("erase: %v %v", erasures, err)
	}
	if diff := cmp.Diff([]string{"CREATE GRANTED", "DELETE GRANTED  a", "DELETE GRANTED  absent"}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	for index, want := range map[int64]string{1: "writer-creates", 3: "eraser-deletes"} {
		if e, err := audit.OpenIndex(v.ledger).Entry(t.Context(), receipt.Log, index); err != nil || e.Policy != want {
			t.Errorf("entry %d names the policy %q, want %q: %v", index, e.Policy, want, err)
		}
	}
}

// TestReview: each reading of entries is an entry with its outcome, and a reading of hashes
// is none.
func TestReview(t *testing.T) {
	v := newTestVault(t, nil)
	row := &audit.RowError{}
	for _, test := range []struct {
		fetched error
		hashes  bool
		want    error
		entry   []string
	}{
		{nil, false, nil, []string{"REVIEW GRANTED  a"}},
		{audit.ErrNotFound, false, vault.ErrNoEntry, []string{"REVIEW NOT_FOUND  a"}},
		{row, false, vault.ErrLedgerNotWhole, []string{"REVIEW ERROR ledger_not_whole a"}},
		{errEngine, false, vault.ErrAuditUnavailable, []string{"REVIEW ERROR audit_unavailable a"}},
		{nil, true, nil, nil},
		{errEngine, true, vault.ErrAuditUnavailable, nil},
	} {
		before := v.outcomes(t)
		_, err := v.Review(t.Context(), call(policy.ListEntries, policy.Auditor),
			vault.Inquiry{ModifiedValue: "a", Reference: "list", Hashes: test.hashes}, func() error { return test.fetched })
		if !errors.Is(err, test.want) {
			t.Errorf("fetch returns %T, hashes %v: %v, want %v", test.fetched, test.hashes, err, test.want)
		}
		if diff := cmp.Diff(slices.Concat(before, test.entry), v.outcomes(t)); diff != "" {
			t.Errorf("fetch returns %T, hashes %v: entries (-want +got):\n%s", test.fetched, test.hashes, diff)
		}
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func wantDenied(t *testing.T, what string, err error, want vault.Denied) {
	t.Helper()
	var d *vault.Denied
	if !errors.As(err, &d) {
		t.Errorf("%s: %v, want a denial", what, err)
		return
	}
	if diff := cmp.Diff(want, *d); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
