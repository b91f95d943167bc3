package sqlitelog

import (
	"context"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// timeLayout is the fixed-width form that lines have, so that times sort as text.
const timeLayout = "2006-01-02T15:04:05.000000Z"

const (
	insertPage  = `INSERT OR IGNORE INTO audit_pages VALUES (?,?,?,?,?,?,?,0)`
	insertEntry = `INSERT INTO audit_entries VALUES (?,?,?,?,?,?,?,?,?)`
)

// Commit implements audit.Log.
func (s *Store) Commit(ctx context.Context, p audit.Page) error {
	entries, err := p.Entries()
	if err != nil {
		return err
	}
	tiles, tiler, err := s.fill(ctx, p) // here, and not while everybody waits for the transaction
	if err != nil {
		return err
	}
	err = s.write(ctx, "commit", func(w sqlitefile.Writer) error {
		n, err := w.Exec(insertPage, p.Log, p.Number, p.First, join(p.Leaves), join(p.Edge), p.Root[:], string(p.Checkpoint))
		if err != nil {
			return err
		}
		if n == 0 {
			return audit.ErrTaken
		}
		for i, e := range entries {
			c := e.Columns()
			_, err := w.Exec(insertEntry, e.Log, e.Index, c.Time, c.Operation, c.Outcome, c.Caller, c.Basis, c.ModifiedValue, string(p.Lines[i]))
			if err != nil {
				return err
			}
		}
		return insertTiles(w, p.Log, tiles)
	})
	if err != nil {
		return err
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

// pages returns the pages that a query selects. With an error it returns those before it.
func (s *Store) pages(ctx context.Context, log, query string, args ...any) ([]audit.Page, error) {
	var pages []audit.Page
	err := s.own.read(ctx, "read pages", func(r sqlitefile.Reader) error {
		bad := r.Each(query, args, func(scan sqlitefile.Scan) error {
			p, err := scanPage(log, scan)
			if err == nil {
				pages = append(pages, p)
			}
			return err
		})
		for i := range pages {
			if err := readLines(r, &pages[i]); err != nil {
				pages = nil
				return err
			}
		}
		return bad
	})
	return pages, err
}

func scanPage(log string, scan sqlitefile.Scan) (audit.Page, error) {
	p := audit.Page{Log: log}
	var leaves, edge, root []byte
	var pruned int64
	if err := scan(&p.Number, &p.First, &leaves, &edge, &root, &p.Checkpoint, &pruned); err != nil {
		return p, err
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
func readLines(r sqlitefile.Reader, p *audit.Page) error {
	p.Lines = make([][]byte, len(p.Leaves))
	p.Beside = make([]audit.Columns, len(p.Leaves))
	err := r.Each(`SELECT idx, `+entryColumns+` FROM audit_entries WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx`,
		sqlitefile.Args{p.Log, p.First, p.First + int64(len(p.Leaves))}, func(scan sqlitefile.Scan) error {
			var index int64
			var r row
			if err := scan(append([]any{&index}, r.columns()...)...); err != nil {
				return err
			}
			p.Beside[index-p.First], p.Lines[index-p.First] = r.Columns, []byte(r.line)
			return nil
		})
	if err != nil {
		return err
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
