package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// VerifyOptions says what a reviewer knows, and how much to read. The zero value verifies
// everything with the stored name and key.
type VerifyOptions struct {
	// Key is the ledger's first verifier key as the reviewer knows it; the keys after a rotation
	// follow from it. Without it Verify takes the key that the store holds, which proves less:
	// whoever rewrote the whole store could have replaced that key too.
	Key *VerifierKey
	// Name is the ledger's name as the reviewer knows it; empty means the stored one.
	Name string
	// Kept are files that were kept outside the store, in the order of the spine's sizes in them;
	// nil means none. Each must be one of what is stored now. Nothing else reveals that the newest
	// pages are gone or that the holder of the key wrote the ledger anew.
	Kept iter.Seq2[KeptFile, error]
	// From is a kept file up to which the ledger was verified before. Verify reads only what came
	// after it, and does not look at the rows that are not pages.
	From *KeptFile
	// Log names the only log to read, if it is not nil. Verify then does not compare it with the
	// spine, nor looks at the rows that are not pages.
	Log *LogID
	// NoDerived leaves out the comparison of what is derived from the pages.
	NoDerived bool
	// Progress, if not nil, is called from time to time, by one goroutine, with the number of
	// entries verified so far and the expected total.
	Progress func(done, total int64)
}

// Report is what Verify found.
type Report struct {
	// Name is the ledger's name now.
	Name string
	// Key is the verifier key that was used first, as VerifierKey.Text of the ledger's first name.
	Key string
	// Keys counts the keys that the ledger has had.
	Keys int
	// KeyFromStore says that the key came from the ledger's own store.
	KeyFromStore bool
	// Logs has one report for each log, the spine first.
	Logs []LogReport
	// Checkpoints is the number of CHECKPOINT entries of the spine that the logs agree with.
	Checkpoints int64
	// Kept is the number of kept files that the ledger agrees with.
	Kept int
	// Lost is the number of kept files that are of what a ROLLBACK in the spine says was lost.
	Lost int
	// Findings names the rows that are not what was written: the first one of each log, then
	// the rows that are not pages. The ledger is whole if there is none.
	Findings []*RowError
}

// LogReport is one log as far as it was verified.
type LogReport struct {
	Log        LogID
	Pages      int64
	Size       int64     // entries
	Root       tlog.Hash // RFC 6962 root of Size entries
	Checkpoint string    // the signed note over Size and Root
	Whole      bool      // there is no finding in this log
	From       int64     // entries before this index were trusted (VerifyOptions.From)
	Leftovers  int64     // pages before the log's stub, which an interrupted prune left; they count for nothing
	Pruned     int64     // entries whose lines were removed: their existence is proven, their content is gone
}

// Verify checks a ledger from its stored rows: every line, page and signature, the spine against the
// logs, kept files against both, and that no row belongs to nothing. It trusts neither the server nor
// the index.
//
// What is wrong with the ledger is in Report.Findings. An error means that the ledger could not be
// checked, and says nothing about it. Memory does not grow with the ledger: Verify holds a few
// pages of each log at a time.
func Verify(ctx context.Context, s Evidence, o VerifyOptions) (Report, error) {
	v := newVerification(s, o)
	defer v.close()
	if found, err := v.identify(ctx); err != nil || !found {
		return *v.report, err
	}
	if o.Log != nil {
		return *v.report, v.single(ctx, *o.Log)
	}
	var strays []*RowError
	var survey Survey
	if o.From == nil {
		var err error
		if survey, err = s.Survey(ctx, func(e *RowError) { strays = append(strays, e) }); err != nil {
			return *v.report, fmt.Errorf("audit: look through the rows: %w", err)
		}
	}
	if err := v.run(ctx, survey); err != nil {
		return *v.report, err
	}
	v.report.Findings = append(v.report.Findings, strays...)
	v.report.Findings = once(v.report.Findings)
	return *v.report, nil
}

// once leaves out findings that are there already: a fault of the whole store is met at every turn.
func once(all []*RowError) (some []*RowError) {
	seen := map[RowError]bool{}
	for _, f := range all {
		if !seen[*f] {
			some = append(some, f)
		}
		seen[*f] = true
	}
	return some
}

// identify finds the ledger's name and its first key. If neither the caller nor the store knows a
// key, that is a finding, and found is false.
func (v *verification) identify(ctx context.Context) (found bool, err error) {
	o, r := v.options, v.report
	text, err := v.store.VerifierKey(ctx)
	stored, parseErr := ParseVerifierKey(text)
	var row *RowError
	switch {
	case errors.As(err, &row):
		v.found(row.Row, row.Problem)
	case errors.Is(err, ErrNotFound):
		if _, last := lastPage(ctx, v.store, Spine); errors.Is(last, ErrNotFound) && o.Kept == nil {
			return false, fmt.Errorf("audit: no ledger here: %w", err)
		}
		v.found(KeyRow, "missing")
	case err != nil:
		return false, fmt.Errorf("audit: read the kept verifier key: %w", err)
	case parseErr != nil || !ValidName(KeyName(text)) || stored.Text(KeyName(text)) != text:
		v.found(KeyRow, "it holds no name and key of a ledger, as it was written")
		err = ErrKey
	}
	name, key, known := KeyName(text), stored, err == nil
	// The spine's first entry names both too. If it is signed by the key that it names, then the row
	// is what was changed.
	named, isNamed, err := v.opened(ctx)
	if err != nil {
		return false, err
	}
	if isNamed && (!known || named.text != text) {
		if known {
			v.found(KeyRow, "it is not the name and key that the spine's OPEN has")
		}
		name, key, known = KeyName(named.text), named.key, true
	}
	if o.Key != nil {
		key, known = *o.Key, known || o.Name != ""
	}
	r.KeyFromStore = o.Key == nil
	switch {
	case !known:
		if o.Key == nil {
			return false, nil
		}
		return false, fmt.Errorf("audit: the store does not say the ledger's name: give it with the key")
	case o.Name != "" && name != "" && o.Name != name:
		v.found(KeyRow, "it is the ledger of another name than was asked for")
	}
	name = cmp.Or(o.Name, name)
	r.Name, r.Key, v.turns = name, key.Text(name), turning{[]string{name}, []VerifierKey{key}}
	return true, nil
}

// namedKey is what an OPEN says.
type namedKey struct {
	text string
	key  VerifierKey
}

// opened returns the key that the spine's first entry names, if that key signed the entry's page.
func (v *verification) opened(ctx context.Context) (namedKey, bool, error) {
	for p, err := range v.store.Pages(ctx, Spine, 0) {
		var row *RowError
		if errors.As(err, &row) {
			return namedKey{}, false, nil
		}
		if err != nil {
			return namedKey{}, false, fmt.Errorf("audit: read the spine: %w", err)
		}
		entries, err := p.Entries()
		if err != nil || p.Number != 0 || len(entries) == 0 {
			return namedKey{}, false, nil
		}
		text := entries[0].Reference
		key, err := ParseVerifierKey(text)
		if err != nil || !ValidName(KeyName(text)) {
			return namedKey{}, false, nil
		}
		x := examine(p, KeyName(text), key)
		return namedKey{text, key}, x.err == nil, nil
	}
	return namedKey{}, false, nil
}
