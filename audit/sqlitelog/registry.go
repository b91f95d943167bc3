package sqlitelog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

func roundUp(t time.Time) string {
	return t.UTC().Add(time.Microsecond - time.Nanosecond).Truncate(time.Microsecond).Format(timeLayout)
}

// Register implements audit.Registry.
func (s *Store) Register(ctx context.Context, log string) error {
	return s.write(ctx, "register", func(w sqlitefile.Writer) error {
		_, err := w.Exec(`INSERT OR IGNORE INTO audit_logs VALUES (?)`, log)
		return err
	})
}

// KeepVerifierKey implements audit.Registry.
func (s *Store) KeepVerifierKey(ctx context.Context, key string) (string, error) {
	err := s.write(ctx, "keep verifier key", func(w sqlitefile.Writer) error {
		_, err := w.Exec(`INSERT OR IGNORE INTO audit_key VALUES (0, ?)`, key)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.VerifierKey(ctx)
}

// VerifierKey implements audit.Evidence.
func (s *Store) VerifierKey(ctx context.Context) (key string, err error) {
	err = s.own.first(ctx, "read verifier key", `SELECT verifier FROM audit_key`, nil, &key)
	return key, err
}

// distinct lists the logs of a table by one index look-up each.
const distinct = `WITH RECURSIVE l(log) AS (
	SELECT min(log) FROM %[1]s
	UNION ALL
	SELECT (SELECT min(log) FROM %[1]s WHERE log > l.log) FROM l WHERE l.log IS NOT NULL
) SELECT log FROM l WHERE log IS NOT NULL`

// Audit implements audit.Evidence. It sees one moment of the database.
func (s *Store) Audit(ctx context.Context, found func(*audit.RowError)) (logs []string, err error) {
	err = s.file.Snapshot(ctx, func(r sqlitefile.Reader) error {
		if logs, err = logsOf(r, found); err != nil {
			return err
		}
		for _, log := range logs {
			if err := auditLog(r, log, found); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, failure("audit", err)
	}
	return logs, nil
}

// logsOf returns the names of all logs that have a row in any table, sorted.
func logsOf(r sqlitefile.Reader, found func(*audit.RowError)) ([]string, error) {
	var logs []string
	for _, table := range []string{"audit_logs", "audit_pages", "audit_entries", "audit_tiles"} {
		have, err := texts(r, fmt.Sprintf(distinct, table))
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
	return logs, nil
}

// auditLog finds the rows that reading a log's pages does not come across.
func auditLog(r sqlitefile.Reader, log string, found func(*audit.RowError)) error {
	var before, orphan *int64
	if _, err := r.First(`SELECT min(number) FROM audit_pages WHERE log = ? AND number < 0`, sqlitefile.Args{log}, &before); err != nil {
		return err
	}
	if before != nil {
		found(&audit.RowError{Row: audit.PageRow(log, *before), Problem: "a number that no page has"})
	}
	var next, size int64 // both 0 of a log that has no page
	_, err := r.First(`SELECT number + 1, first + length(leaves) / 32 FROM audit_pages
		WHERE log = ? ORDER BY number DESC LIMIT 1`, sqlitefile.Args{log}, &next, &size)
	if err != nil {
		return err
	}
	_, err = r.First(`SELECT min(idx) FROM audit_entries WHERE log = ? AND (idx < 0 OR idx >= ?)`, sqlitefile.Args{log, size}, &orphan)
	if err != nil {
		return err
	}
	switch {
	case orphan != nil && *orphan == size:
		found(&audit.RowError{Row: audit.PageRow(log, next), Problem: fmt.Sprintf("missing, though entry %d is there", size)})
	case orphan != nil:
		found(&audit.RowError{Row: audit.EntryRow(log, *orphan), Problem: "it belongs to no page"})
	}
	return auditTiles(r, log, found)
}
