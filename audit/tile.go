package audit

import (
	"context"
	"errors"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// Tiles serves the Merkle tree behind a log's pages. A tile is 256 neighbouring hashes of one
// level; the levels of tiles are eight levels of the tree apart (C2SP tlog-tiles).
//
// It is safe for concurrent use. Errors are those of PageReader.
type Tiles interface {
	// Lines returns the lines of count entries from the index first on. ErrNotFound: the log
	// has fewer entries, or one of these was pruned.
	Lines(ctx context.Context, log string, first, count int64) ([][]byte, error)
	// Leaves returns the leaf hashes of count entries from the index first on, pruned or not.
	// ErrNotFound: the log has fewer entries.
	Leaves(ctx context.Context, log string, first, count int64) ([]tlog.Hash, error)
	// Tile returns the 256 hashes of a full tile. ErrNotFound: it is not stored. A driver stores
	// full tiles as they fill, perhaps a while after the commit; the tiles that are not stored
	// are computed from leaves.
	Tile(ctx context.Context, log string, level int, number int64) ([]tlog.Hash, error)
}

// FullTile is a tile that has filled.
type FullTile struct {
	Level  int
	Number int64
	Hashes []tlog.Hash // 256
}

// Tiler cuts a tree into full tiles as it grows. A driver runs one for each log.
type Tiler struct {
	size    int64
	partial [][]tlog.Hash // of each level, the hashes after its last full tile
}

// ResumeTiler returns the tiler of a log's first size entries.
func ResumeTiler(ctx context.Context, s Tiles, log string, size int64) (*Tiler, error) {
	t := &Tiler{size: size}
	for level, n := 0, size; n > 0; level, n = level+1, n/torchwood.TileWidth {
		hashes, err := tileHashes(ctx, s, log, level, n/torchwood.TileWidth, int(n%torchwood.TileWidth))
		if err != nil {
			return nil, err
		}
		t.partial = append(t.partial, hashes)
	}
	return t, nil
}

// Size returns how many leaves were added.
func (t *Tiler) Size() int64 { return t.size }

// Clone returns a tiler that goes on from here by itself.
func (t *Tiler) Clone() *Tiler {
	c := &Tiler{size: t.size}
	for _, hashes := range t.partial {
		c.partial = append(c.partial, slices.Clone(hashes))
	}
	return c
}

// Add adds a leaf hash and returns the tiles that it filled, lowest level first.
func (t *Tiler) Add(leaf tlog.Hash) []FullTile {
	var full []FullTile
	t.size++
	hash, n := leaf, t.size
	for level := 0; ; level, n = level+1, n/torchwood.TileWidth {
		if level == len(t.partial) {
			t.partial = append(t.partial, nil)
		}
		t.partial[level] = append(t.partial[level], hash)
		if n%torchwood.TileWidth != 0 {
			return full
		}
		full = append(full, FullTile{level, n/torchwood.TileWidth - 1, t.partial[level]})
		hash = perfectRoot(t.partial[level])
		t.partial[level] = nil
	}
}

// perfectRoot returns the root of a perfect subtree: hashes are a power of two.
func perfectRoot(hashes []tlog.Hash) tlog.Hash {
	level := slices.Clone(hashes)
	for len(level) > 1 {
		for i := range len(level) / 2 {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

// tileHashes returns the first width hashes of a tile: those of a full tile that is stored, or else
// computed from the level below, and in the end from the leaves.
func tileHashes(ctx context.Context, s Tiles, log string, level int, number int64, width int) ([]tlog.Hash, error) {
	if width == torchwood.TileWidth {
		if hashes, err := s.Tile(ctx, log, level, number); !errors.Is(err, ErrNotFound) {
			return hashes, err
		}
	}
	first := number * torchwood.TileWidth
	if level == 0 {
		if width == 0 {
			return nil, nil
		}
		return s.Leaves(ctx, log, first, int64(width))
	}
	hashes := make([]tlog.Hash, 0, width)
	for i := range int64(width) {
		below, err := tileHashes(ctx, s, log, level-1, first+i, torchwood.TileWidth)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, perfectRoot(below))
	}
	return hashes, nil
}

// BundleWidth is how many entries a full entry bundle has.
const BundleWidth = torchwood.TileWidth

// ParseTilePath reads the path of a tile in the form of C2SP tlog-tiles: tile/<level>/<number> or
// tile/entries/<number>, and for a partial tile .p/<width> after it. Level -1 stands for entries.
// ErrNotFound: it is not such a path.
func ParseTilePath(path string) (tlog.Tile, error) {
	t, err := torchwood.ParseTilePath(path)
	if err != nil || torchwood.TilePath(t) != path { // it takes tile/data/ for tile/entries/
		return tlog.Tile{}, ErrNotFound
	}
	return t, nil
}

// TileData returns a tile of a log's first size entries in the form of C2SP tlog-tiles: hashes, or
// for level -1 an entry bundle. ErrNotFound: the tree has no such tile, or lines of the bundle were
// pruned.
func TileData(ctx context.Context, s Tiles, log string, size int64, t tlog.Tile) ([]byte, error) {
	level := max(t.L, 0)
	if t.H != torchwood.TileHeight || t.N < 0 || t.W < 1 || level > 7 {
		return nil, ErrNotFound
	}
	if have := size >> (torchwood.TileHeight * level); t.N > have/torchwood.TileWidth || t.N*torchwood.TileWidth+int64(t.W) > have {
		return nil, ErrNotFound
	}
	var data []byte
	if t.L < 0 {
		lines, err := s.Lines(ctx, log, t.N*torchwood.TileWidth, int64(t.W))
		if err != nil {
			return nil, err
		}
		for i, line := range lines {
			if data, err = torchwood.AppendTileEntry(data, line); err != nil {
				return nil, &RowError{EntryRow(log, t.N*torchwood.TileWidth+int64(i)), "its line is longer than an entry can be"}
			}
		}
		return data, nil
	}
	hashes, err := tileHashes(ctx, s, log, level, t.N, t.W)
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	return data, err
}

// tileReader reads the tiles of a tree of size entries for torchwood, which checks
// every hash against the tree's root.
type tileReader struct {
	s    Tiles
	log  string
	size int64
	err  error // why reading failed; torchwood's error may not wrap it
}

// ReadTiles implements torchwood.TileReader.
func (r *tileReader) ReadTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		if data[i], r.err = TileData(ctx, r.s, r.log, r.size, t); r.err != nil {
			return nil, r.err
		}
	}
	return data, nil
}

// SaveTiles implements torchwood.TileReader. It does nothing: the drivers store tiles.
func (*tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadEndpoint implements torchwood.TileReader. Proofs do not call it.
func (*tileReader) ReadEndpoint(context.Context, string) ([]byte, error) { return nil, ErrNotFound }
