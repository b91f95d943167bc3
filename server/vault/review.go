package vault

import (
	"context"

	"github.com/piinguin/piinguin/audit"
)

// Inquiry says what of the ledger is read. The entry of the reading has it.
type Inquiry struct {
	ModifiedValue string // the pseudonym whose entries are asked for, or empty
	Reference     string // the question in words; at most 512 bytes
	// Hashes says that nothing of an entry is fetched, only checkpoints, hashes or proofs.
	// Monitors poll those, so only a denial is an entry.
	Hashes bool
}

// Review reads the ledger: it authorises, calls fetch, and appends the entry of the reading.
// The caller must not use what fetch found unless the error is nil. The receipt is that of the
// entry; there is none if q says Hashes.
//
// The error is a *Denied or a Failure. What fetch returns and no Failure is known for counts
// as ErrAuditUnavailable: an engine's fault has no sentinel when the ledger is read.
func (v *Vault) Review(ctx context.Context, c Call, q Inquiry, fetch func() error) (audit.Receipt, error) {
	e := c.entry(audit.Review)
	e.ModifiedValue, e.Reference = q.ModifiedValue, q.Reference
	entries := []audit.Entry{e}
	if err := v.authorise(ctx, c, entries); err != nil {
		return audit.Receipt{}, err
	}
	var failure error
	if err := fetch(); err != nil {
		f := v.failure(ctx, err)
		if f == ErrInternal {
			f = ErrAuditUnavailable
		}
		failure = f
		entries[0].Outcome, entries[0].Reason = audit.Failed, string(f)
		if f == ErrNoEntry {
			entries[0].Outcome, entries[0].Reason = audit.NotFound, ""
		}
	}
	if q.Hashes {
		return audit.Receipt{}, failure
	}
	appended := v.append(ctx, entries...)[0]
	if appended.Err != nil {
		return audit.Receipt{}, ErrAuditUnavailable
	}
	return appended.Durable.Receipt(), failure
}
