package vault_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

// unrecordable is a key that no entry takes. The entries beside it are appended, so an append
// fails in part.
var unrecordable = strings.Repeat("x", 1<<16)

// told returns the entries as "DELETE GRANTED  a by eraser-deletes, 0 records", with the policy
// that decided and the count.
func (v *tested) told(t *testing.T) []string {
	t.Helper()
	outcomes := v.outcomes(t)
	for i, e := range v.entries(t) {
		outcomes[i] += fmt.Sprintf(" by %s, %d records", e.Policy, e.Count)
	}
	return outcomes
}

// keysAt returns the keys that the entries of the receipts name; "" for the zero Receipt.
func (v *tested) keysAt(t *testing.T, receipts ...audit.Receipt) []string {
	t.Helper()
	keys := make([]string, len(receipts))
	for i, r := range receipts {
		if r == (audit.Receipt{}) {
			continue
		}
		e, err := audit.OpenIndex(v.ledger).Entry(t.Context(), r.Log, r.Index)
		if err != nil {
			t.Fatal(err)
		}
		line, err := e.Format()
		if err != nil || audit.LeafHash(line) != r.LeafHash {
			t.Errorf("receipt %d has not the hash of entry %d: %v", i, r.Index, err)
		}
		keys[i] = e.ModifiedValue
	}
	return keys
}

// TestEntriesNameThePolicy: each entry of a call, granted or denied, names its own key, the
// policy that decided and, of a create, how many records were given.
func TestEntriesNameThePolicy(t *testing.T) {
	v := newTestVault(t, nil)
	records := []store.Record{{ModifiedValue: "a"}, {ModifiedValue: "b"}, {ModifiedValue: "c"}}
	for _, roles := range [][4]policy.Role{
		{policy.Reader, policy.Writer, policy.Eraser, policy.Auditor},
		{policy.Writer, policy.Eraser, policy.Auditor, policy.Reader},
	} {
		_, _ = v.Read(t.Context(), call(policy.ReadPiiRecords, roles[0]), stated, []string{"x", "y"})
		_, _, _ = v.Create(t.Context(), call(policy.CreatePiiRecords, roles[1]), stated, records)
		_, _ = v.Erase(t.Context(), call(policy.DeletePiiRecords, roles[2]), stated, []string{"a", "b"})
		_, _ = v.Review(t.Context(), call(policy.ListEntries, roles[3]), vault.Inquiry{ModifiedValue: "a"}, func() error { return nil })
	}
	if diff := cmp.Diff([]string{
		"READ NOT_FOUND  x by reader-reads, 0 records", "READ NOT_FOUND  y by reader-reads, 0 records",
		"CREATE GRANTED by writer-creates, 3 records",
		"DELETE GRANTED  a by eraser-deletes, 0 records", "DELETE GRANTED  b by eraser-deletes, 0 records",
		"REVIEW GRANTED  a by auditor-reviews, 0 records",
		"READ DENIED role_required x by role-reader, 0 records", "READ DENIED role_required y by role-reader, 0 records",
		"CREATE DENIED role_required by role-writer, 3 records",
		"DELETE DENIED role_required a by role-eraser, 0 records", "DELETE DENIED role_required b by role-eraser, 0 records",
		"REVIEW DENIED role_required a by role-auditor, 0 records",
	}, v.told(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestFailedInPart: of a change that the store does in part, the second entry counts or names
// what failed and nothing else, and each result stands at its item.
func TestFailedInPart(t *testing.T) {
	v := newTestVault(t, nil)
	v.put(t, "a", "")
	v.put(t, "c", "")
	v.changeErr = map[string]error{"b": store.ErrUnavailable, "d": store.ErrUnavailable}
	records := []store.Record{{ModifiedValue: "a2"}, {ModifiedValue: "b"}, {ModifiedValue: "c2"}, {ModifiedValue: "d"}, {ModifiedValue: "e"}}
	results, _, err := v.Create(t.Context(), call(policy.CreatePiiRecords, policy.Writer), stated, records)
	failed := store.PutResult{Err: vault.ErrStoreUnavailable}
	stored := store.PutResult{Outcome: store.Stored}
	if diff := cmp.Diff([]store.PutResult{stored, failed, stored, failed, stored}, results, cmpopts.EquateErrors()); err != nil || diff != "" {
		t.Errorf("create: %v (-want +got):\n%s", err, diff)
	}
	erasures, err := v.Erase(t.Context(), call(policy.DeletePiiRecords, policy.Eraser), stated, []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a true <nil>", "false vault: store_unavailable", "c true <nil>"}, v.erasures(t, erasures)); diff != "" {
		t.Errorf("erase (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"CREATE GRANTED by writer-creates, 5 records", "CREATE ERROR store_unavailable by writer-creates, 2 records",
		"DELETE GRANTED  a by eraser-deletes, 0 records", "DELETE GRANTED  b by eraser-deletes, 0 records",
		"DELETE GRANTED  c by eraser-deletes, 0 records", "DELETE ERROR store_unavailable b by eraser-deletes, 0 records",
	}, v.told(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// erasures returns each as the key of its receipt, whether a value was erased, and its error.
func (v *tested) erasures(t *testing.T, all []vault.Erasure) []string {
	t.Helper()
	var texts []string
	for _, e := range all {
		texts = append(texts, strings.TrimSpace(fmt.Sprint(v.keysAt(t, e.Receipt)[0], " ", e.Erased, " ", e.Err)))
	}
	return texts
}

// TestAppendedInPart: where one entry of a batch is not durable, its item alone fails. Each other
// result and receipt stands at its own key, and a failure of the store is recorded for its own.
func TestAppendedInPart(t *testing.T) {
	v := newTestVault(t, nil)
	v.put(t, "a", "")
	v.put(t, "c", "")
	keys := []string{unrecordable, "a", "absent", unrecordable, "b", "c"}
	readings, err := v.Read(t.Context(), call(policy.ReadPiiRecords, policy.Reader), stated, keys)
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, r := range readings {
		value, _ := r.Value()
		read = append(read, strings.TrimSpace(fmt.Sprint(v.keysAt(t, value.Receipt())[0], " ", r.Err())))
	}
	lost, missed := vault.ErrAuditUnavailable.Error(), vault.ErrNotFound.Error()
	if diff := cmp.Diff([]string{lost, "a <nil>", missed, lost, missed, "c <nil>"}, read); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	v.changeErr = map[string]error{"b": store.ErrUnavailable}
	erasures, err := v.Erase(t.Context(), call(policy.DeletePiiRecords, policy.Eraser), stated, keys)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		"false " + lost, "a true <nil>", "absent false <nil>", "false " + lost, "false vault: store_unavailable", "c true <nil>",
	}, v.erasures(t, erasures)); diff != "" {
		t.Errorf("erase (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"READ GRANTED  a", "READ NOT_FOUND  absent", "READ NOT_FOUND  b", "READ GRANTED  c",
		"DELETE GRANTED  a", "DELETE GRANTED  absent", "DELETE GRANTED  b", "DELETE GRANTED  c", "DELETE ERROR store_unavailable b",
	}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestDenialNotWholeOnRecord: a caller that is denied a batch does not learn even that while one
// of the denials is not durable, wherever in the batch it stands.
func TestDenialNotWholeOnRecord(t *testing.T) {
	v := newTestVault(t, nil)
	for _, keys := range [][]string{{unrecordable, "a"}, {"a", unrecordable}} {
		_, err := v.Read(t.Context(), call(policy.ReadPiiRecords, policy.Writer), stated, keys)
		wantError(t, "read", err, vault.ErrAuditUnavailable)
		_, err = v.Erase(t.Context(), call(policy.DeletePiiRecords, policy.Writer), stated, keys)
		wantError(t, "erase", err, vault.ErrAuditUnavailable)
	}
}

// TestHungUp: what a caller asked for is on record though it hung up before the append.
func TestHungUp(t *testing.T) {
	v := newTestVault(t, nil)
	v.put(t, "a", "")
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	_, _ = v.Read(gone, call(policy.ReadPiiRecord, policy.Writer), stated, []string{"a"})
	_, _, _ = v.Create(gone, call(policy.CreatePiiRecord, policy.Writer), stated, []store.Record{{ModifiedValue: "b"}})
	_, _ = v.Erase(gone, call(policy.DeletePiiRecord, policy.Eraser), stated, []string{"a"})
	_, err := v.Review(gone, call(policy.ListEntries, policy.Auditor), vault.Inquiry{Reference: "list"}, gone.Err)
	wantError(t, "review", err, vault.ErrCanceled)
	if diff := cmp.Diff([]string{
		"READ DENIED role_required a", "CREATE GRANTED", "CREATE ERROR canceled", "DELETE GRANTED  a", "DELETE ERROR canceled a",
		"REVIEW ERROR canceled",
	}, v.outcomes(t)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestInquiryOnRecord: the entry of a reading has what was asked, whether it succeeds, misses,
// fails or is denied.
func TestInquiryOnRecord(t *testing.T) {
	v := newTestVault(t, nil)
	for _, role := range []policy.Role{policy.Auditor, policy.Eraser} {
		for _, err := range []error{nil, audit.ErrNotFound, errEngine} {
			_, _ = v.Review(t.Context(), call(policy.ListEntries, role), vault.Inquiry{ModifiedValue: "a", Reference: "the question"}, func() error { return err })
		}
	}
	entries := v.entries(t)
	for _, e := range entries {
		if e.ModifiedValue != "a" || e.Reference != "the question" || e.Caller != "somebody" {
			t.Errorf("entry %+v", e)
		}
	}
	if len(entries) != 6 {
		t.Errorf("%d entries, want 6", len(entries))
	}
}
