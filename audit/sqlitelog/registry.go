package sqlitelog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/piinguin/piinguin/audit"
)

func roundUp(t time.Time) string {
	return t.UTC().Add(time.Microsecond - time.Nanosecond).Truncate(time.Microsecond).Format(timeLayout)
}

// Register implements audit.Registry.
func (s *Store) Register(ctx context.Context, log string) error {
	if _, err := s.write.ExecContext(ctx, `INSERT OR IGNORE INTO audit_logs VALUES (?)`, log); err != nil {
		return failure("register", err)
	}
	return nil
}

// KeepVerifierKey implements audit.Registry.
func (s *Store) KeepVerifierKey(ctx context.Context, key string) (string, error) {
	if _, err := s.write.ExecContext(ctx, `INSERT OR IGNORE INTO audit_key VALUES (0, ?)`, key); err != nil {
		return "", failure("keep verifier key", err)
	}
	return s.VerifierKey(ctx)
}

// VerifierKey implements audit.Evidence.
func (s *Store) VerifierKey(ctx context.Context) (string, error) {
	var key string
	err := s.read.QueryRowContext(ctx, `SELECT verifier FROM audit_key`).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return "", audit.ErrNotFound
	}
	if err != nil {
		return "", failure("read verifier key", err)
	}
	return key, nil
}

// distinct lists the logs of a table by one index look-up each.
const distinct = `WITH RECURSIVE l(log) AS (
	SELECT min(log) FROM %[1]s
	UNION ALL
	SELECT (SELECT min(log) FROM %[1]s WHERE log > l.log) FROM l WHERE l.log IS NOT NULL
) SELECT log FROM l WHERE log IS NOT NULL`

// Audit implements audit.Evidence. It sees one moment of the database.
func (s *Store) Audit(ctx context.Context, found func(*audit.RowError)) ([]string, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, failure("audit", err)
	}
	defer func() { _ = tx.Rollback() }()
	var logs []string
	for _, table := range []string{"audit_logs", "audit_pages", "audit_entries", "audit_tiles"} {
		have, err := strs(ctx, tx, "audit", fmt.Sprintf(distinct, table))
		if err != nil {
			return nil, err
		}
		for _, log := range have {
			if slices.Contains(logs, log) {
				continue
			}
			logs = append(logs, log)
			if table != "audit_logs" {
				found(&audit.RowError{Row: audit.LogRow(log), Problem: "not registered"})
			}
		}
	}
	slices.Sort(logs)
	for _, log := range logs {
		if err := auditLog(ctx, tx, log, found); err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// auditLog finds the rows that reading a log's pages does not come across.
func auditLog(ctx context.Context, tx *sql.Tx, log string, found func(*audit.RowError)) error {
	var before sql.NullInt64
	err := tx.QueryRowContext(ctx, `SELECT min(number) FROM audit_pages WHERE log = ? AND number < 0`, log).Scan(&before)
	if err != nil {
		return failure("audit", err)
	}
	if before.Valid {
		found(&audit.RowError{Row: audit.PageRow(log, before.Int64), Problem: "a number that no page has"})
	}
	var next, size int64
	err = tx.QueryRowContext(ctx, `SELECT number + 1, first + length(leaves) / 32 FROM audit_pages
		WHERE log = ? ORDER BY number DESC LIMIT 1`, log).Scan(&next, &size)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return failure("audit", err)
	}
	var orphan sql.NullInt64
	err = tx.QueryRowContext(ctx, `SELECT min(idx) FROM audit_entries WHERE log = ? AND (idx < 0 OR idx >= ?)`, log, size).Scan(&orphan)
	if err != nil {
		return failure("audit", err)
	}
	switch {
	case orphan.Valid && orphan.Int64 == size:
		found(&audit.RowError{Row: audit.PageRow(log, next), Problem: fmt.Sprintf("missing, though entry %d is there", size)})
	case orphan.Valid:
		found(&audit.RowError{Row: audit.EntryRow(log, orphan.Int64), Problem: "it belongs to no page"})
	}
	return auditTiles(ctx, tx, log, found)
}
