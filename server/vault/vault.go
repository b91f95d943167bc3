// Package vault keeps the promise: no original value leaves the process unless its audit
// entry is already durable.
//
// It is the one way to an original value, to a change of the records, and to what the ledger
// holds. It knows no transport: whoever serves it maps its arguments and its Failures.
//
//	v, err := vault.New(vault.Config{Ledger: ledger, Store: records, Policy: policies})
//	readings, err := v.Read(ctx, call, statement, keys)
//	for _, r := range readings {
//		if value, ok := r.Value(); ok {
//			use(value.Text(), value.Receipt())
//		}
//	}
//
// A read has four steps. Authorise: the policy decides. Fetch: the store is read. Append: the
// ledger makes the entry durable. Release: the value comes out, with its receipt. A change of
// the records is authorised and appended first and done then.
//
// It promises:
//   - A Released cannot be made without the audit.Durable of a granted READ of its own key.
//     No field, option or error path goes around it.
//   - Each key of a Read has an entry: granted, denied, not found or failed. So has a denied
//     call of any kind.
//   - All decisions of one call rest on one policy, taken once.
//   - A caller that is denied one record is told what it would be told if the record did not
//     exist, after as many decisions.
//   - No error holds a value or the text of an engine.
//
// It does not promise that an entry was read or acted on, nor that an entry which says
// GRANTED was followed by a value: the process may end between the two.
package vault

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// Config says what a Vault works with.
type Config struct {
	Ledger *audit.Ledger // required
	Store  store.Store   // required
	Policy policy.Source // required
	// Now is the clock for erasures; nil means time.Now.
	Now func() time.Time
	// Appended is told of each entry that a call appended or could not append, before the
	// call returns: for metrics and logs. Many calls use it at once. Optional.
	Appended func(ctx context.Context, r audit.Result)
	// Failed is told of each error of the store or the ledger that a call met, before the call
	// returns: for metrics and logs. The caller gets no more than the Failure. Many calls use it
	// at once. Optional.
	Failed func(ctx context.Context, err error)
}

// Vault is safe for concurrent use.
type Vault struct {
	ledger   *audit.Ledger
	store    store.Store
	policy   policy.Source
	now      func() time.Time
	appended func(context.Context, audit.Result)
	failed   func(context.Context, error)
}

// New returns a Vault. It refuses a nil ledger: a vault that does not audit cannot be built.
func New(c Config) (*Vault, error) {
	switch {
	case c.Ledger == nil:
		return nil, errors.New("vault: Config.Ledger is required")
	case c.Store == nil:
		return nil, errors.New("vault: Config.Store is required")
	case c.Policy == nil:
		return nil, errors.New("vault: Config.Policy is required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Appended == nil {
		c.Appended = func(context.Context, audit.Result) {}
	}
	if c.Failed == nil {
		c.Failed = func(context.Context, error) {}
	}
	return &Vault{c.Ledger, c.Store, c.Policy, c.Now, c.Appended, c.Failed}, nil
}

// Ready returns nil when a read can be expected to succeed, else ErrAuditUnavailable or
// ErrStoreUnavailable.
func (v *Vault) Ready(ctx context.Context) error {
	if v.ledger.Ready(ctx) != nil {
		return ErrAuditUnavailable
	}
	if v.store.Ready(ctx) != nil {
		return ErrStoreUnavailable
	}
	return nil
}

// Call says who asks, for what, in which request, from where and when.
type Call struct {
	Caller    policy.Caller
	Action    policy.Action
	RequestID string     // 1 to 64 bytes; without one the ledger takes no entry
	Network   netip.Addr // of the caller; the zero Addr if it is not known
	Time      time.Time  // what the policy takes for now
}

// request returns what the policy is asked. read is nil but for reads.
func (c Call) request(read *policy.Read) policy.Request {
	return policy.Request{Caller: c.Caller, Action: c.Action, Time: c.Time, Network: c.Network, Read: read}
}

// entry begins an entry of the call, as granted.
func (c Call) entry(op audit.Operation) audit.Entry {
	return audit.Entry{
		Operation: op, Outcome: audit.Granted,
		Caller: c.Caller.Name, Authentication: c.Caller.Authentication, RequestID: c.RequestID,
	}
}

// append appends entries, one result each. Cancelling the call does not cancel the append:
// the value was asked for, so the ledger says so. The ledger's own deadline bounds it.
func (v *Vault) append(ctx context.Context, entries ...audit.Entry) []audit.Result {
	results := v.ledger.AppendAll(context.WithoutCancel(ctx), entries)
	for _, r := range results {
		v.appended(ctx, r)
	}
	return results
}

// authorise decides about a call that is no read, and names the policy in its entries. A
// denial is appended for each of them, and only when those are durable is the caller told.
func (v *Vault) authorise(ctx context.Context, c Call, entries []audit.Entry) error {
	d := v.policy.Current().Ask(c.request(nil))("")
	for i := range entries {
		entries[i].Policy = d.Policy
		if !d.Allow {
			entries[i].Outcome, entries[i].Reason = audit.Denied, d.Reason
		}
	}
	if d.Allow {
		return nil
	}
	for _, r := range v.append(ctx, entries...) {
		if r.Err != nil {
			return ErrAuditUnavailable
		}
	}
	return denied(d)
}
