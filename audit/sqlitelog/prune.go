package sqlitelog

import (
	"context"

	"github.com/piinguin/piinguin/audit"
)

// Prune implements audit.Pruner.
func (s *Store) Prune(ctx context.Context, pages []audit.Page) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return failure("prune", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	for _, p := range pages {
		after, err := p.Prune()
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE audit_pages SET pruned = 1 WHERE log = ? AND number = ?`, p.Log, p.Number); err != nil {
			return failure("prune", err)
		}
		for i, line := range after.Lines {
			if line != nil {
				continue
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM audit_entries WHERE log = ? AND idx = ?`, p.Log, p.First+int64(i)); err != nil {
				return failure("prune", err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return failure("prune", err)
	}
	return nil
}
