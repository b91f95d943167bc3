package vault

import (
	"context"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/store"
)

// Create stores 1 to store.MaxBatch records: one result a record, in order, whose Err is a
// Failure. The call has one entry, which is durable before the first record is stored. What
// could not be stored is a second entry, so that the ledger does not claim too much. Both have
// what s states; a change needs no basis.
//
// The error is of the whole call, and then nothing was stored: a *Denied, or
// ErrAuditUnavailable.
func (v *Vault) Create(ctx context.Context, c Call, s Statement, records []store.Record) ([]store.PutResult, audit.Receipt, error) {
	e := s.entry(c, audit.Create, "")
	e.Count = int64(len(records))
	entries := []audit.Entry{e}
	if err := v.authorise(ctx, c, entries); err != nil {
		return nil, audit.Receipt{}, err
	}
	appended := v.append(ctx, entries...)[0]
	if appended.Err != nil {
		return nil, audit.Receipt{}, ErrAuditUnavailable
	}
	results := v.store.Put(ctx, records)
	failed := entries[0]
	failed.Outcome, failed.Count = audit.Failed, 0
	for i, r := range results {
		if r.Err != nil {
			f := v.failure(ctx, r.Err)
			results[i] = store.PutResult{Err: f}
			failed.Count, failed.Reason = failed.Count+1, string(f)
		}
	}
	if failed.Count > 0 {
		v.append(ctx, failed) // Appended hears of it if this fails; the caller gets the store's failure
	}
	return results, appended.Durable.Receipt(), nil
}

// Erasure is what became of one key of an Erase.
type Erasure struct {
	Erased  bool          // a value stood there and is gone now
	Receipt audit.Receipt // of the key's own entry
	Err     error         // a Failure; the others are zero then
}

// Erase erases the values of 0 to store.MaxBatch keys, which may repeat: one Erasure a key, in
// order. Each key has an entry, which is durable before its value is erased; a key whose entry
// is not durable keeps its value. An erasure that the store fails is a second entry. All of them
// have what s states; a change needs no basis.
//
// The error is of the whole call, and then nothing was erased: a *Denied, or
// ErrAuditUnavailable.
func (v *Vault) Erase(ctx context.Context, c Call, s Statement, keys []string) ([]Erasure, error) {
	entries := make([]audit.Entry, len(keys))
	for i, key := range keys {
		entries[i] = s.entry(c, audit.Delete, key)
	}
	if err := v.authorise(ctx, c, entries); err != nil {
		return nil, err
	}
	out := make([]Erasure, len(keys))
	var recorded []string // the keys whose entries are durable
	var place []int       // where they stand among keys
	for i, appended := range v.append(ctx, entries...) {
		if appended.Err != nil {
			out[i].Err = ErrAuditUnavailable
			continue
		}
		out[i].Receipt = appended.Durable.Receipt()
		recorded, place = append(recorded, keys[i]), append(place, i)
	}
	var failed []audit.Entry
	for k, r := range v.store.Erase(ctx, recorded, v.now()) {
		i := place[k]
		if out[i].Erased = r.Erased; r.Err != nil {
			f := v.failure(ctx, r.Err)
			out[i] = Erasure{Err: f}
			entries[i].Outcome, entries[i].Reason = audit.Failed, string(f)
			failed = append(failed, entries[i])
		}
	}
	v.append(ctx, failed...) // Appended hears of it if this fails; the caller gets the store's failure
	return out, nil
}
