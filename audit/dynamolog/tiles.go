package dynamolog

import (
	"context"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// Lines implements audit.Tiles.
func (s *Store) Lines(ctx context.Context, log string, first, count int64) ([][]byte, error) {
	last, err := s.Last(ctx, log)
	if err != nil {
		return nil, err
	}
	if first < 0 || count < 1 || first+count > last.Size() {
		return nil, audit.ErrNotFound
	}
	n, err := s.search(ctx, last, func(p audit.Page) (bool, error) { return p.First > first, nil })
	if err != nil {
		return nil, err
	}
	var lines [][]byte
	for p, err := range s.Pages(ctx, log, n) {
		if err != nil {
			return nil, err
		}
		for i, line := range p.Lines {
			if p.First+int64(i) >= first && int64(len(lines)) < count {
				lines = append(lines, line)
			}
		}
		if int64(len(lines)) == count {
			return lines, nil
		}
	}
	return nil, &audit.RowError{Row: audit.PageRow(log, last.Number), Problem: "the pages before it do not hold the log's entries"}
}

// Tile implements audit.Tiles.
func (s *Store) Tile(ctx context.Context, log string, level int, number int64) ([]tlog.Hash, error) {
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
