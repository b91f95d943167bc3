package sqlitelog

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// fill returns the tiles that a page fills, and the tiler after it. A page that leaves a gap
// before it fills none, and has no tiler.
func (s *Store) fill(ctx context.Context, p audit.Page) ([]audit.FullTile, *audit.Tiler, error) {
	tiler, err := s.tilerAt(ctx, p)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var tiles []audit.FullTile
	for _, leaf := range p.Leaves {
		tiles = append(tiles, tiler.Add(leaf)...)
	}
	return tiles, tiler, nil
}

func insertTiles(w sqlitefile.Writer, log string, tiles []audit.FullTile) error {
	for _, t := range tiles {
		_, err := w.Exec(`INSERT OR REPLACE INTO audit_tiles VALUES (?,?,?,?)`, log, t.Level, t.Number, join(t.Hashes))
		if err != nil {
			return err
		}
	}
	return nil
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
	return audit.ResumeTiler(ctx, s.own, p.Log, p.First)
}

// Lines implements audit.Tiles.
func (s rows) Lines(ctx context.Context, log string, first, count int64) ([][]byte, error) {
	var lines [][]byte
	err := s.each(ctx, "read lines", `SELECT line FROM audit_entries WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx`,
		sqlitefile.Args{log, first, first + count}, func(scan sqlitefile.Scan) error {
			var line []byte
			err := scan(&line)
			lines = append(lines, line)
			return err
		})
	if err != nil {
		return nil, err
	}
	if int64(len(lines)) != count {
		return nil, audit.ErrNotFound
	}
	return lines, nil
}

// Leaves implements audit.Tiles. Where the lines are pruned it reads through the log's
// pages: no index leads from an entry to its page.
func (s rows) Leaves(ctx context.Context, log string, first, count int64) ([]tlog.Hash, error) {
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

func (s rows) pageLeaves(ctx context.Context, log string, first, count int64) ([]tlog.Hash, error) {
	var leaves []tlog.Hash
	err := s.each(ctx, "read leaves", `SELECT first, leaves FROM audit_pages
		WHERE log = ? AND first < ? AND first + length(leaves) / 32 > ? ORDER BY number`,
		sqlitefile.Args{log, first + count, first}, func(scan sqlitefile.Scan) error {
			var at int64
			var raw []byte
			if err := scan(&at, &raw); err != nil {
				return err
			}
			hashes, _ := split(raw)
			from, to := max(first-at, 0), min(first+count-at, int64(len(hashes)))
			leaves = append(leaves, hashes[min(from, to):to]...)
			return nil
		})
	if err != nil {
		return nil, err
	}
	if int64(len(leaves)) != count {
		return nil, audit.ErrNotFound
	}
	return leaves, nil
}

const selectTile = `SELECT hashes FROM audit_tiles WHERE log = ? AND level = ? AND number = ?`

// Tile implements audit.Tiles.
func (s rows) Tile(ctx context.Context, log string, level int, number int64) ([]tlog.Hash, error) {
	var raw []byte
	if err := s.first(ctx, "read tile", selectTile, sqlitefile.Args{log, level, number}, &raw); err != nil {
		return nil, err
	}
	hashes, whole := split(raw)
	if !whole || len(hashes) != 256 {
		return nil, &audit.RowError{Row: audit.TileRow(log, level, number), Problem: "its hashes are not whole"}
	}
	return hashes, nil
}

// auditTiles compares a log's tiles with the leaf hashes of its pages.
func auditTiles(r sqlitefile.Reader, log string, found func(*audit.RowError)) error {
	tiler := &audit.Tiler{}
	want := int64(0)
	err := r.Each(`SELECT leaves FROM audit_pages WHERE log = ? ORDER BY number`, sqlitefile.Args{log}, func(scan sqlitefile.Scan) error {
		var raw []byte
		if err := scan(&raw); err != nil {
			return err
		}
		leaves, _ := split(raw)
		for _, leaf := range leaves {
			for _, t := range tiler.Add(leaf) {
				want++
				if err := auditTile(r, log, t, found); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return strayTiles(r, log, tiler.Size(), want, found)
}

func auditTile(r sqlitefile.Reader, log string, t audit.FullTile, found func(*audit.RowError)) error {
	var have []byte
	if _, err := r.First(selectTile, sqlitefile.Args{log, t.Level, t.Number}, &have); err != nil {
		return err
	}
	if string(have) != string(join(t.Hashes)) {
		found(&audit.RowError{Row: audit.TileRow(log, t.Level, t.Number), Problem: "missing or not of the log's entries"})
	}
	return nil
}

// strayTiles finds tiles that a log of that size does not have.
func strayTiles(r sqlitefile.Reader, log string, size, want int64, found func(*audit.RowError)) error {
	var have int64
	if _, err := r.First(`SELECT count(*) FROM audit_tiles WHERE log = ?`, sqlitefile.Args{log}, &have); err != nil || have <= want {
		return err
	}
	return r.Each(`SELECT level, number FROM audit_tiles WHERE log = ?`, sqlitefile.Args{log}, func(scan sqlitefile.Scan) error {
		var level, number int64
		if err := scan(&level, &number); err != nil {
			return err
		}
		if level < 0 || level > 6 || number < 0 || number >= size>>(8*(level+1)) {
			found(&audit.RowError{Row: audit.TileRow(log, int(level), number), Problem: "the log has no such tile"})
		}
		return nil
	})
}
