package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Report is what Verify found.
type Report struct {
	// Key is the verifier key that was used, under KeyName.
	Key string
	// KeyFromStore says that the key was read from the ledger's own store: whoever
	// could rewrite the whole store could have put another key there.
	KeyFromStore bool
	// Logs has a row for each log, by name.
	Logs []LogReport
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
}

// Verify recomputes every leaf, edge, root and signature from the stored rows,
// and checks that nothing is missing, out of order or beside the logs. It trusts
// neither the server nor the index. key is the ledger's verifier key as the
// reviewer knows it; nil takes the one that the store keeps, which proves less.
//
// Memory does not grow with the ledger: one page is held at a time. An error means
// that it could not be checked; what is wrong with the ledger is in Report.Findings.
func Verify(ctx context.Context, s Store, key *VerifierKey) (Report, error) {
	var r Report
	var beside []*RowError
	logs, err := s.Audit(ctx, func(e *RowError) { beside = append(beside, e) })
	if err != nil {
		return r, fmt.Errorf("audit: look through the rows: %w", err)
	}
	if len(logs) == 0 {
		if _, err := s.VerifierKey(ctx); err != nil {
			return r, fmt.Errorf("audit: no ledger here: %w", err)
		}
	}
	if key == nil {
		r.KeyFromStore = true
		if key, err = r.storedKey(ctx, s, logs); err != nil {
			return r, err
		}
	}
	if key == nil {
		return r, nil
	}
	r.Key = key.Text(KeyName)
	for _, log := range logs {
		if err := r.verifyLog(ctx, s, log, *key); err != nil {
			return r, err
		}
	}
	r.Findings = append(r.Findings, beside...)
	return r, nil
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

func (r *Report) verifyLog(ctx context.Context, s Store, log string, key VerifierKey) error {
	l := LogReport{Log: log}
	err := l.verify(ctx, s, key)
	var row *RowError
	switch {
	case errors.As(err, &row):
		r.Findings = append(r.Findings, row)
	case err != nil:
		return fmt.Errorf("audit: read %s: %w", log, err)
	default:
		l.Whole = true
	}
	r.Logs = append(r.Logs, l)
	return nil
}

func (l *LogReport) verify(ctx context.Context, s Store, key VerifierKey) error {
	if !logPattern.MatchString(l.Log) {
		return &RowError{LogRow(l.Log), "not a name that a log can have"}
	}
	v, err := key.verifier(l.Log)
	if err != nil {
		return err
	}
	h := head{log: l.Log}
	for p, err := range s.Pages(ctx, l.Log, 0) {
		if err != nil {
			return err
		}
		after, entries, err := h.follow(p, v)
		if err != nil {
			return err
		}
		if h.number == 0 && entries[0].Operation != Opened {
			return &RowError{EntryRow(l.Log, 0), "a log's first entry is not OPEN"}
		}
		h = after
		l.Pages, l.Size, l.Root, l.Checkpoint = h.number, h.size, p.Root, string(p.Checkpoint)
	}
	if h.number == 0 {
		return &RowError{PageRow(l.Log, 0), "missing"}
	}
	return nil
}
