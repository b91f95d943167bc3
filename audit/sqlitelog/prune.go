package sqlitelog

import (
	"context"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// Prune implements audit.Pruner. All pages are pruned in one transaction, or none.
func (s *Store) Prune(ctx context.Context, pages []audit.Page) error {
	return s.write(ctx, "prune", func(w sqlitefile.Writer) error {
		for _, p := range pages {
			if err := prunePage(w, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func prunePage(w sqlitefile.Writer, p audit.Page) error {
	after, err := p.Prune()
	if err != nil {
		return err
	}
	if _, err := w.Exec(`UPDATE audit_pages SET pruned = 1 WHERE log = ? AND number = ?`, p.Log, p.Number); err != nil {
		return err
	}
	for i, line := range after.Lines {
		if line != nil {
			continue
		}
		if _, err := w.Exec(`DELETE FROM audit_entries WHERE log = ? AND idx = ?`, p.Log, p.First+int64(i)); err != nil {
			return err
		}
	}
	return nil
}
