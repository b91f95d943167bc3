package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Evidence is what Verify reads. Nothing that it answers is trusted: what it says is compared with
// hashes and signatures.
//
// It is safe for concurrent use. Errors are those of PageReader.
type Evidence interface {
	PageReader

	// Logs returns the names of the registered logs, sorted. The read is strongly consistent.
	Logs(ctx context.Context) ([]string, error)
	// VerifierKey returns the key that Registry.KeepVerifierKey stored. ErrNotFound: none is.
	VerifierKey(ctx context.Context) (string, error)
	// Audit looks through every row that is not a page but must agree with the pages: the
	// registry, rows that belong to no page, and everything derived. It calls found for each row
	// that is wrong. It returns the names of all logs that have any row, registered or not,
	// sorted. An error means that it could not look, and says nothing about the rows.
	Audit(ctx context.Context, found func(*RowError)) ([]string, error)
}

// VerifyOptions says what a reviewer knows, and how much to read. The zero value verifies
// everything with the stored key.
type VerifyOptions struct {
	// Key is the ledger's verifier key as the reviewer knows it. Without it Verify takes the
	// key that the store holds, which proves less: whoever rewrote the whole store could have
	// replaced that key too.
	Key *VerifierKey
	// Kept are checkpoints that were kept outside the store. Each must be one of a prefix of
	// what is stored now. Nothing else reveals that a log lost its newest pages or that the
	// holder of the key wrote it anew.
	Kept []KeptCheckpoint
	// From are checkpoints up to which the ledger was verified before; of each log the largest
	// counts. Verify reads only what came after them, and skips Evidence.Audit.
	From []KeptCheckpoint
	// Log names the only log to read. Verify then checks neither how the log is bound to the
	// logs before and after it, nor the rows that are not pages.
	Log string
	// Progress, if not nil, is called from time to time, by one goroutine, with the number of
	// entries verified so far and the expected total.
	Progress func(done, total int64)
}

// Report is what Verify found.
type Report struct {
	// Key is the verifier key that was used, as VerifierKey.Text(KeyName).
	Key string
	// KeyFromStore says that the key came from the ledger's own store.
	KeyFromStore bool
	// Logs has one report for each log, sorted by name.
	Logs []LogReport
	// Kept is the number of kept checkpoints that were found to be of a prefix.
	Kept int
	// Findings names the rows that are not what was written: the first one of each log, then
	// the rows that are not pages. The ledger is whole if there is none.
	Findings []*RowError
}

// LogReport is one log as far as it was verified.
type LogReport struct {
	Log        string
	Pages      int64
	Size       int64     // entries
	Root       tlog.Hash // RFC 6962 root of Size entries
	Checkpoint string    // the signed note over Size and Root
	Whole      bool      // there is no finding in this log
	From       int64     // entries before this index were trusted (VerifyOptions.From)
	Pruned     int64     // entries whose lines were removed: their existence is proven, their content is gone
	Closed     bool      // the log ends with a CLOSE, and nothing can be added to it
}

// Verify recomputes every leaf, edge, root and signature from the stored rows. It checks that no
// page is missing, added or out of order, that no row belongs to nothing, and that each log names
// the checkpoint of the log before it. It trusts neither the server nor the index.
//
// What is wrong with the ledger is in Report.Findings. An error means that the ledger could not be
// checked, and says nothing about it. Memory does not grow with the ledger: Verify holds a few
// pages at a time.
func Verify(ctx context.Context, s Evidence, o VerifyOptions) (Report, error) {
	var r Report
	var beside []*RowError
	logs, err := logsToVerify(ctx, s, o, func(e *RowError) { beside = append(beside, e) })
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

// logsToVerify returns the names of the logs to verify. If the ledger is verified from its
// beginning, it also looks through the rows that are not pages.
func logsToVerify(ctx context.Context, s Evidence, o VerifyOptions, found func(*RowError)) ([]string, error) {
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

// storedKey returns the key that the store holds, or nil after a finding that there is none. Each
// log's first entry names the key too. If logs are signed by the key that they name, and none by
// the stored key, then the stored key is the row that was changed.
func (r *Report) storedKey(ctx context.Context, s Evidence, logs []string) (*VerifierKey, error) {
	text, err := s.VerifierKey(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("audit: read the kept verifier key: %w", err)
	}
	kept, err := ParseVerifierKey(text)
	isKey := err == nil
	var other *VerifierKey // the first one that a log names and that is not the stored one
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

// namedKey returns the key that the log's first entry names, or nil if that key did not sign the
// entry's page.
func namedKey(ctx context.Context, s PageReader, log string) (*VerifierKey, error) {
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
