package vault_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

const canary = "CANARY-original-0815"

var errEngine = errors.New("engine: " + canary)

// tested is a vault over stores in memory, which may be told to fail.
type tested struct {
	*vault.Vault
	records *store.Mem
	ledger  *audit.Mem

	mu        sync.Mutex
	storeErr  error            // of every item of every call
	changeErr map[string]error // of one item of a Put or an Erase, by its key
	whileGet  func()           // called by a Get
	commitErr error            // of every commit
	failures  int              // of appends, as Appended was told
	calls     map[string]int   // of the store, by method
}

// newTestVault returns a vault that decides by a policy; nil is the built-in one.
func newTestVault(t *testing.T, p policy.Source) *tested {
	t.Helper()
	return newTimedVault(t, p, time.Minute) // that nothing misses
}

// newTimedVault is newTestVault with a deadline for appends.
func newTimedVault(t *testing.T, p policy.Source, appendTimeout time.Duration) *tested {
	t.Helper()
	if p == nil {
		p = policy.NewBuiltin()
	}
	v := &tested{records: store.NewMem(), ledger: audit.NewMem(), calls: map[string]int{}}
	key, err := audit.GenerateKey(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := audit.Open(t.Context(), audit.Config{
		Store: audittest.NewFaulty(v.ledger, v.commitFault), Key: key, Name: ledgerName, AppendTimeout: appendTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel() // what hangs is left
		_ = ledger.Close(ctx)
	})
	v.Vault, err = vault.New(vault.Config{Ledger: ledger, Store: hooked{v.records, v}, Policy: p, Appended: v.appended})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *tested) set(change func(v *tested)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v)
}

func (v *tested) commitFault(string, int) (f audittest.Fault) {
	v.set(func(v *tested) { f.Err = v.commitErr })
	return f
}

func (v *tested) appended(_ context.Context, r audit.Result) {
	if r.Err != nil {
		v.set(func(v *tested) { v.failures++ })
	}
}

// hooked is the store under the vault.
type hooked struct {
	*store.Mem
	v *tested
}

func (h hooked) Get(ctx context.Context, keys []string) []store.GetResult {
	var err error
	var hook func()
	h.v.set(func(v *tested) { v.calls["Get"]++; err, hook = v.storeErr, v.whileGet })
	if hook != nil {
		hook()
	}
	results := h.Mem.Get(ctx, keys)
	for i := range results {
		if err != nil {
			results[i].Err = err // with the record beside it, as a careless store might
		}
	}
	return results
}

func (h hooked) Put(ctx context.Context, records []store.Record) []store.PutResult {
	results := h.Mem.Put(ctx, records)
	for i, r := range records {
		if err := h.v.changeFault(r.ModifiedValue); err != nil {
			results[i] = store.PutResult{Outcome: store.Stored, Err: err}
		}
	}
	return results
}

func (h hooked) Erase(ctx context.Context, keys []string, at time.Time) []store.EraseResult {
	results := h.Mem.Erase(ctx, keys, at)
	for i, key := range keys {
		if err := h.v.changeFault(key); err != nil {
			results[i] = store.EraseResult{Erased: true, Err: err}
		}
	}
	return results
}

// changeFault returns the error of a Put or an Erase of a key.
func (v *tested) changeFault(key string) (err error) {
	v.set(func(v *tested) { err = cmp.Or(v.storeErr, v.changeErr[key]) })
	return err
}

// put stores an original that was found in a field, behind the vault's back.
func (v *tested) put(t *testing.T, key, field string) {
	t.Helper()
	r := v.records.Put(t.Context(), []store.Record{{
		ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Now(), Source: store.Source{FieldName: field},
	}})
	if r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
}

// ledgerName is the name of the tests' ledgers.
const ledgerName = "ledger.test/pii"

// entries returns all entries of its one log but OPEN, oldest first, of a ledger that is whole.
func (v *tested) entries(t *testing.T) []audit.Entry {
	t.Helper()
	if r, err := audit.Verify(t.Context(), v.ledger, audit.VerifyOptions{}); err != nil || len(r.Findings) > 0 {
		t.Fatalf("Verify: %v %v", r.Findings, err)
	}
	var all []audit.Entry
	for p, err := range v.ledger.Pages(t.Context(), 1, 0) {
		if err != nil {
			t.Fatal(err)
		}
		entries, err := p.Entries()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
	}
	return all[1:]
}

// outcomes returns the entries as "READ GRANTED  a".
func (v *tested) outcomes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, e := range v.entries(t) {
		all = append(all, strings.TrimSpace(strings.Join([]string{string(e.Operation), string(e.Outcome), e.Reason, e.ModifiedValue}, " ")))
	}
	return all
}

// newTestPolicy is the built-in policy and a text.
func newTestPolicy(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.New("test.cedar", append(policy.Builtin(), text...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// call is a call by somebody of a role.
func call(action policy.Action, role policy.Role) vault.Call {
	return vault.Call{
		Caller: policy.Caller{Name: "somebody", Authentication: "token", Roles: []policy.Role{role}},
		Action: action, RequestID: "r-1", Time: time.Now(),
	}
}

var stated = vault.Statement{Basis: "CONTRACT", Purpose: "test"}

// read reads as a reader and returns what became of each key: its value, or its error's text.
func (v *tested) read(t *testing.T, keys ...string) []string {
	t.Helper()
	readings, err := v.Read(t.Context(), call(policy.ReadPiiRecords, policy.Reader), stated, keys)
	if err != nil {
		return []string{err.Error()}
	}
	texts := make([]string, len(readings))
	for i, r := range readings {
		value, ok := r.Value()
		if texts[i] = value.Text(); !ok {
			texts[i] = r.Err().Error()
		}
		if ok == (r.Err() != nil) || !ok && value.Text() != "" {
			t.Errorf("reading %d has a value: %v, and the error %v", i, ok, r.Err())
		}
	}
	return texts
}
