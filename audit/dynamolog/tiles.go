package dynamolog

import (
	"context"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// Lines implements audit.Tiles.
func (s *Store) Lines(ctx context.Context, log string, first, count int64) ([][]byte, error) {
	var lines [][]byte
	err := s.span(ctx, log, first, count, func(line []byte, _ tlog.Hash) error {
		if line == nil {
			return audit.ErrNotFound
		}
		lines = append(lines, line)
		return nil
	})
	return lines, err
}

// Leaves implements audit.Tiles.
func (s *Store) Leaves(ctx context.Context, log string, first, count int64) ([]tlog.Hash, error) {
	var leaves []tlog.Hash
	err := s.span(ctx, log, first, count, func(_ []byte, leaf tlog.Hash) error {
		leaves = append(leaves, leaf)
		return nil
	})
	return leaves, err
}

// span calls f for count entries from an index on. It is a reviewer's question, as Tile is: a bundle is
// some pages with all their lines.
func (s *Store) span(ctx context.Context, log string, first, count int64, f func(line []byte, leaf tlog.Hash) error) error {
	done, err := s.review(ctx)
	if err != nil {
		return err
	}
	defer done()
	last, err := s.Last(ctx, log)
	if err != nil {
		return err
	}
	end := first + count
	if first < 0 || count < 1 || end > last.Size() {
		return audit.ErrNotFound
	}
	n, err := s.search(ctx, last, func(p audit.Page) (bool, error) { return p.First > first, nil })
	if err != nil {
		return err
	}
	for p, err := range s.Pages(ctx, log, n) {
		if err != nil {
			return err
		}
		leaves := p.LeafHashes()
		if len(leaves) != len(p.Lines) {
			return &audit.RowError{Row: audit.PageRow(log, p.Number), Problem: "its lines are not as many as its leaves"}
		}
		for i, line := range p.Lines {
			if at := p.First + int64(i); at != first || at == end {
				continue
			}
			if err := f(line, leaves[i]); err != nil {
				return err
			}
			first++
		}
		if first == end {
			return nil
		}
	}
	return &audit.RowError{Row: audit.PageRow(log, last.Number), Problem: "the pages before it do not hold the log's entries"}
}

// Tile implements audit.Tiles.
func (s *Store) Tile(ctx context.Context, log string, level int, number int64) ([]tlog.Hash, error) {
	done, err := s.review(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	it, err := s.get(ctx, "read tile", key(tilePartition(log, level), strconv.FormatInt(number, 10)))
	if err != nil {
		return nil, err
	}
	hashes, ok := hashesOf(it, "hashes")
	if !ok || len(hashes) != 256 {
		return nil, badRow(it)
	}
	return hashes, nil
}
