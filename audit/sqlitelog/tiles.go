package sqlitelog

import (
	"context"
	"database/sql"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// insertTiles stores the tiles that a page fills, and returns the tiler after it;
// nil after a page that leaves a gap before it, which fills none.
func (s *Store) insertTiles(ctx context.Context, tx *sql.Tx, p audit.Page) (*audit.Tiler, error) {
	tiler, err := s.tilerAt(ctx, p)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, leaf := range p.Leaves {
		for _, t := range tiler.Add(leaf) {
			_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO audit_tiles VALUES (?,?,?,?)`, p.Log, t.Level, t.Number, join(t.Hashes))
			if err != nil {
				return nil, failure("commit", err)
			}
		}
	}
	return tiler, nil
}

// tilerAt returns the tiler before a page: the one that is kept, unless another
// writer committed since.
func (s *Store) tilerAt(ctx context.Context, p audit.Page) (*audit.Tiler, error) {
	s.mu.Lock()
	kept := s.tilers[p.Log]
	s.mu.Unlock()
	if kept != nil && kept.Size() == p.First {
		return kept.Clone(), nil
	}
	return audit.ResumeTiler(ctx, s, p.Log, p.First)
}

// Lines implements audit.Tiles.
func (s *Store) Lines(ctx context.Context, log string, first, count int64) ([][]byte, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT line FROM audit_entries WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx`,
		log, first, first+count)
	if err != nil {
		return nil, failure("read lines", err)
	}
	defer func() { _ = rows.Close() }()
	var lines [][]byte
	for rows.Next() {
		var line []byte
		if err := rows.Scan(&line); err != nil {
			return nil, failure("read lines", err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		return nil, failure("read lines", err)
	}
	if int64(len(lines)) != count {
		return nil, audit.ErrNotFound
	}
	return lines, nil
}

// Leaves implements audit.Tiles. Where the lines are pruned it reads through the log's
// pages: no index leads from an entry to its page.
func (s *Store) Leaves(ctx context.Context, log string, first, count int64) ([]tlog.Hash, error) {
	lines, err := s.Lines(ctx, log, first, count)
	if errors.Is(err, audit.ErrNotFound) {
		return s.pageLeaves(ctx, log, first, count)
	}
	leaves := make([]tlog.Hash, len(lines))
	for i, line := range lines {
		leaves[i] = audit.LeafHash(line)
	}
	return leaves, err
}

func (s *Store) pageLeaves(ctx context.Context, log string, first, count int64) ([]tlog.Hash, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT first, leaves FROM audit_pages
		WHERE log = ? AND first < ? AND first + length(leaves) / 32 > ? ORDER BY number`, log, first+count, first)
	if err != nil {
		return nil, failure("read leaves", err)
	}
	defer func() { _ = rows.Close() }()
	var leaves []tlog.Hash
	for rows.Next() {
		var at int64
		var raw []byte
		if err := rows.Scan(&at, &raw); err != nil {
			return nil, failure("read leaves", err)
		}
		hashes, _ := split(raw)
		from, to := max(first-at, 0), min(first+count-at, int64(len(hashes)))
		leaves = append(leaves, hashes[min(from, to):to]...)
	}
	if err := rows.Err(); err != nil {
		return nil, failure("read leaves", err)
	}
	if int64(len(leaves)) != count {
		return nil, audit.ErrNotFound
	}
	return leaves, nil
}

// Tile implements audit.Tiles.
func (s *Store) Tile(ctx context.Context, log string, level int, number int64) ([]tlog.Hash, error) {
	var raw []byte
	err := s.read.QueryRowContext(ctx, `SELECT hashes FROM audit_tiles WHERE log = ? AND level = ? AND number = ?`, log, level, number).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, audit.ErrNotFound
	}
	if err != nil {
		return nil, failure("read tile", err)
	}
	hashes, whole := split(raw)
	if !whole || len(hashes) != 256 {
		return nil, &audit.RowError{Row: audit.TileRow(log, level, number), Problem: "its hashes are not whole"}
	}
	return hashes, nil
}

// auditTiles compares a log's tiles with the leaf hashes of its pages.
func auditTiles(ctx context.Context, tx *sql.Tx, log string, found func(*audit.RowError)) error {
	tiler := &audit.Tiler{}
	pages, err := tx.QueryContext(ctx, `SELECT leaves FROM audit_pages WHERE log = ? ORDER BY number`, log)
	if err != nil {
		return failure("audit", err)
	}
	defer func() { _ = pages.Close() }()
	want := int64(0)
	for pages.Next() {
		var raw []byte
		if err := pages.Scan(&raw); err != nil {
			return failure("audit", err)
		}
		leaves, _ := split(raw)
		for _, leaf := range leaves {
			for _, t := range tiler.Add(leaf) {
				want++
				if err := auditTile(ctx, tx, log, t, found); err != nil {
					return err
				}
			}
		}
	}
	if err := pages.Err(); err != nil {
		return failure("audit", err)
	}
	return strayTiles(ctx, tx, log, tiler.Size(), want, found)
}

func auditTile(ctx context.Context, tx *sql.Tx, log string, t audit.FullTile, found func(*audit.RowError)) error {
	var have []byte
	err := tx.QueryRowContext(ctx, `SELECT hashes FROM audit_tiles WHERE log = ? AND level = ? AND number = ?`, log, t.Level, t.Number).Scan(&have)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return failure("audit", err)
	}
	if string(have) != string(join(t.Hashes)) {
		found(&audit.RowError{Row: audit.TileRow(log, t.Level, t.Number), Problem: "missing or not of the log's entries"})
	}
	return nil
}

// strayTiles finds tiles that a log of that size does not have.
func strayTiles(ctx context.Context, tx *sql.Tx, log string, size, want int64, found func(*audit.RowError)) error {
	var have int64
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM audit_tiles WHERE log = ?`, log).Scan(&have); err != nil {
		return failure("audit", err)
	}
	if have <= want {
		return nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT level, number FROM audit_tiles WHERE log = ?`, log)
	if err != nil {
		return failure("audit", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var level, number int64
		if err := rows.Scan(&level, &number); err != nil {
			return failure("audit", err)
		}
		if level < 0 || level > 6 || number < 0 || number >= size>>(8*(level+1)) {
			found(&audit.RowError{Row: audit.TileRow(log, int(level), number), Problem: "the log has no such tile"})
		}
	}
	if err := rows.Err(); err != nil {
		return failure("audit", err)
	}
	return nil
}
