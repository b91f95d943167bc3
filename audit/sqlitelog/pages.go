package sqlitelog

import (
	"context"
	"database/sql"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// timeLayout is the fixed-width form that lines have, so that times sort as text.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Commit implements audit.Log.
func (s *Store) Commit(ctx context.Context, p audit.Page) error {
	entries, err := p.Entries()
	if err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return failure("commit", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	done, err := tx.StmtContext(ctx, s.insertPage).ExecContext(ctx,
		p.Log, p.Number, p.First, join(p.Leaves), join(p.Edge), p.Root[:], string(p.Checkpoint))
	if err != nil {
		return failure("commit", err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return audit.ErrTaken
	}
	insert := tx.StmtContext(ctx, s.insertEntry)
	for i, e := range entries {
		c := e.Columns()
		if _, err := insert.ExecContext(ctx, e.Log, e.Index, c.Time, c.Operation, c.Outcome, c.Caller, c.Basis, c.ModifiedValue, string(p.Lines[i])); err != nil {
			return failure("commit", err)
		}
	}
	tiler, err := s.insertTiles(ctx, tx, p)
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return failure("commit", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tilers[p.Log] = tiler
	return nil
}

const selectPages = `SELECT number, first, leaves, edge, root, checkpoint, pruned FROM audit_pages WHERE log = ? `

// Last implements audit.PageReader.
func (s *Store) Last(ctx context.Context, log string) (audit.Page, error) {
	pages, err := s.pages(ctx, log, selectPages+`ORDER BY number DESC LIMIT 1`, log)
	if err != nil {
		return audit.Page{}, err
	}
	if len(pages) == 0 {
		return audit.Page{}, audit.ErrNotFound
	}
	return pages[0], nil
}

// chunk is how many pages one query reads: a long query would keep SQLite from
// truncating its write-ahead log.
const chunk = 64

// Pages implements audit.PageReader.
func (s *Store) Pages(ctx context.Context, log string, from int64) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		for {
			pages, err := s.pages(ctx, log, selectPages+`AND number >= ? ORDER BY number LIMIT ?`, log, from, chunk)
			for _, p := range pages {
				if !yield(p, nil) {
					return
				}
				from = p.Number + 1
			}
			if err != nil {
				yield(audit.Page{}, err)
			}
			if err != nil || len(pages) < chunk {
				return
			}
		}
	}
}

// pages returns the pages that a query selects. With an error it returns those
// before it.
func (s *Store) pages(ctx context.Context, log, query string, args ...any) ([]audit.Page, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, failure("read pages", err)
	}
	defer func() { _ = rows.Close() }()
	var pages []audit.Page
	var bad error
	for rows.Next() && bad == nil {
		var p audit.Page
		if p, bad = scanPage(log, rows); bad == nil {
			pages = append(pages, p)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, failure("read pages", err)
	}
	for i := range pages {
		if err := s.readLines(ctx, &pages[i]); err != nil {
			return nil, err
		}
	}
	return pages, bad
}

func scanPage(log string, rows *sql.Rows) (audit.Page, error) {
	p := audit.Page{Log: log}
	var leaves, edge, root []byte
	var pruned int64
	if err := rows.Scan(&p.Number, &p.First, &leaves, &edge, &root, &p.Checkpoint, &pruned); err != nil {
		return p, failure("read pages", err)
	}
	var okLeaves, okEdge, okRoot bool
	p.Leaves, okLeaves = split(leaves)
	p.Edge, okEdge = split(edge)
	roots, okRoot := split(root)
	if !okLeaves || !okEdge || !okRoot || len(roots) != 1 {
		return p, &audit.RowError{Row: audit.PageRow(log, p.Number), Problem: "its hashes are not whole"}
	}
	p.Root, p.Pruned = roots[0], pruned != 0
	return p, nil
}

// readLines reads the rows of a page's entries and notes what is wrong with them.
func (s *Store) readLines(ctx context.Context, p *audit.Page) error {
	p.Lines = make([][]byte, len(p.Leaves))
	p.Beside = make([]audit.Columns, len(p.Leaves))
	rows, err := s.read.QueryContext(ctx, `SELECT idx, `+entryColumns+` FROM audit_entries
		WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx`, p.Log, p.First, p.First+int64(len(p.Leaves)))
	if err != nil {
		return failure("read entries", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var index int64
		var r row
		if err := rows.Scan(append([]any{&index}, r.columns()...)...); err != nil {
			return failure("read entries", err)
		}
		p.Beside[index-p.First], p.Lines[index-p.First] = r.Columns, []byte(r.line)
	}
	if err := rows.Err(); err != nil {
		return failure("read entries", err)
	}
	for i, line := range p.Lines {
		if line == nil && !p.Pruned {
			p.Faults = append(p.Faults, &audit.RowError{Row: audit.EntryRow(p.Log, p.First+int64(i)), Problem: "missing"})
		}
	}
	return nil
}

func join(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func split(b []byte) ([]tlog.Hash, bool) {
	hashes := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], b[i*tlog.HashSize:])
	}
	return hashes, len(b)%tlog.HashSize == 0
}
