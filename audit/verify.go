package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// VerifyOptions says what a reviewer knows, and what Verify is to do.
type VerifyOptions struct {
	// Key is the ledger's verifier key as the reviewer knows it; nil takes the one that
	// the store keeps, which proves less.
	Key *VerifierKey
	// Kept are checkpoints that were kept outside the store: each must be of a prefix
	// of what stands now. A cut tail and a log written anew are caught by them alone.
	Kept []KeptCheckpoint
	// From are checkpoints up to which the ledger was verified before. Only what came
	// after them is read; of each log the one of the largest size counts. The rows
	// beside the pages are not looked through then.
	From []KeptCheckpoint
	// Log, if set, is the only log to read: neither what binds it to the logs before
	// and after it nor the rows beside its pages are looked at.
	Log string
	// Progress, if set, is called now and then with how many entries were verified,
	// of how many.
	Progress func(done, total int64)
}

// Report is what Verify found.
type Report struct {
	// Key is the verifier key that was used, under KeyName.
	Key string
	// KeyFromStore says that the key was read from the ledger's own store: whoever
	// could rewrite the whole store could have put another key there.
	KeyFromStore bool
	// Logs has a row for each log, by name.
	Logs []LogReport
	// Kept is how many kept checkpoints were found to be of a prefix.
	Kept int
	// Findings names the rows that are not what was written: for each log the
	// first one, then those outside the logs. Empty means whole.
	Findings []*RowError
}

// LogReport is one log as far as it was verified.
type LogReport struct {
	Log        string
	Pages      int64
	Size       int64     // entries
	Root       tlog.Hash // RFC 6962, of Size entries
	Checkpoint string    // the signed note over Size and Root
	Whole      bool      // no finding in this log
	From       int64     // entries before it were trusted, as VerifyOptions.From says
	Pruned     int64     // entries whose lines were removed: that they were there is proven, what they said is not
	Closed     bool      // by a CLOSE; nothing can be added
}

// Verify recomputes every leaf, edge, root and signature from the stored rows,
// and checks that nothing is missing, out of order or beside the logs, and that each
// log commits to the one before it. It trusts neither the server nor the index.
//
// Memory does not grow with the ledger: a few pages are held at a time. An error means
// that it could not be checked; what is wrong with the ledger is in Report.Findings.
func Verify(ctx context.Context, s Store, o VerifyOptions) (Report, error) {
	var r Report
	var beside []*RowError
	logs, err := r.logs(ctx, s, o, func(e *RowError) { beside = append(beside, e) })
	if err != nil {
		return r, err
	}
	if len(logs) == 0 {
		if _, err := s.VerifierKey(ctx); err != nil {
			return r, fmt.Errorf("audit: no ledger here: %w", err)
		}
	}
	key := o.Key
	if key == nil {
		r.KeyFromStore = true
		if key, err = r.storedKey(ctx, s, logs); err != nil || key == nil {
			return r, err
		}
	}
	r.Key = key.Text(KeyName)
	v := verification{report: &r, store: s, key: *key, progress: o.Progress, last: map[string]head{}}
	if err := v.run(ctx, logs, o); err != nil {
		return r, err
	}
	r.Findings = append(r.Findings, beside...)
	return r, nil
}

// logs returns the names of the logs to verify. Of a ledger that is verified from its beginning
// it also looks through the rows that are not pages.
func (r *Report) logs(ctx context.Context, s Store, o VerifyOptions, found func(*RowError)) ([]string, error) {
	if o.Log != "" {
		return []string{o.Log}, nil
	}
	if len(o.From) > 0 {
		logs, err := s.Logs(ctx)
		if err != nil {
			return nil, fmt.Errorf("audit: read the registered logs: %w", err)
		}
		return logs, nil
	}
	logs, err := s.Audit(ctx, found)
	if err != nil {
		return nil, fmt.Errorf("audit: look through the rows: %w", err)
	}
	return logs, nil
}

// storedKey returns the key that the store keeps. Each log's first entry names
// the key as well: where the logs are signed by the one that they name, and none
// by the kept one, the kept key is the row that was changed. Without any key the
// finding is all there is to report.
func (r *Report) storedKey(ctx context.Context, s Store, logs []string) (*VerifierKey, error) {
	text, err := s.VerifierKey(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("audit: read the kept verifier key: %w", err)
	}
	kept, err := ParseVerifierKey(text)
	isKey := err == nil
	var other *VerifierKey // the first that a log names and that is not the kept one
	for _, log := range logs {
		named, err := namedKey(ctx, s, log)
		switch {
		case err != nil:
			return nil, err
		case named != nil && isKey && named.Equal(kept):
			if text != kept.Text(KeyName) {
				r.Findings = append(r.Findings, &RowError{KeyRow, "it is not as it was written"})
			}
			return named, nil
		case other == nil:
			other = named
		}
	}
	switch {
	case other != nil:
		r.Findings = append(r.Findings, &RowError{KeyRow, "it is not the key that the logs name"})
		return other, nil
	case !isKey:
		r.Findings = append(r.Findings, &RowError{KeyRow, "missing or not a key"})
		return nil, nil
	}
	return &kept, nil
}

// namedKey returns the key that the log's first entry names, if its page is
// signed by that key; nil if not.
func namedKey(ctx context.Context, s Store, log string) (*VerifierKey, error) {
	for p, err := range s.Pages(ctx, log, 0) {
		var row *RowError
		if errors.As(err, &row) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("audit: read %s: %w", log, err)
		}
		entries, err := p.Entries()
		if err != nil || p.Number != 0 || len(entries) == 0 {
			return nil, nil
		}
		named, err := ParseVerifierKey(entries[0].Reference)
		if err != nil {
			return nil, nil
		}
		v, err := named.verifier(log)
		if err != nil {
			return nil, nil
		}
		if _, err := p.tree(v); err != nil {
			return nil, nil
		}
		return &named, nil
	}
	return nil, nil
}
