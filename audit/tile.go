package audit

import (
	"context"
	"fmt"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// A tile is 256 neighbouring hashes of one level of a log's tree; the levels of tiles are eight levels
// of the tree apart (C2SP tlog-tiles). Full tiles are kept as blobs, once they are derived; those of the lowest
// level only when their lines are pruned, and roots of them before (tilehashes.go).

// maxLevel is the highest level of a tile that a log of at most maxIndex entries fills.
const maxLevel = 6

// tileKind is the kind of the blobs that are full tiles of a level.
func tileKind(level int) string { return fmt.Sprintf("tile/%d", level) }

// fullTile is a tile that has filled, or the roots that fill a blob.
type fullTile struct {
	kind   string
	number int64
	hashes []tlog.Hash
}

func (t fullTile) blob(log LogID) Blob {
	data := make([]byte, 0, len(t.hashes)*tlog.HashSize)
	for _, h := range t.hashes {
		data = append(data, h[:]...)
	}
	return Blob{log, t.kind, t.number, data}
}

// tiler cuts a tree into full tiles as it grows.
type tiler struct {
	size    int64
	partial [][]tlog.Hash // of each level, the hashes after its last full tile
}

// resumeTiler returns the tiler of a log's first size entries.
func resumeTiler(ctx context.Context, s Reader, log LogID, size int64) (*tiler, error) {
	t := &tiler{size: size}
	for level, n := 0, size; n > 0; level, n = level+1, n/torchwood.TileWidth {
		hashes, err := tileHashes(ctx, s, log, level, n/torchwood.TileWidth, int(n%torchwood.TileWidth))
		if err != nil {
			return nil, err
		}
		t.partial = append(t.partial, hashes)
	}
	return t, nil
}

// resumeStub returns the tiler of what was pruned of a log.
func resumeStub(ctx context.Context, s Reader, stub Page) (*tiler, error) {
	t, err := resumeTiler(ctx, s, stub.Log, stub.First-stub.First%BundleWidth)
	if err != nil {
		return nil, err
	}
	if len(t.partial) == 0 {
		t.partial = [][]tlog.Hash{nil}
	}
	t.size, t.partial[0] = stub.First, slices.Clone(stub.Leaves)
	return t, nil
}

// add adds a leaf hash and returns what it filled, the highest level first and the roots before the lowest tile.
func (t *tiler) add(leaf tlog.Hash) []fullTile {
	t.size++
	return t.fill(0, leaf, t.size)
}

// fill adds the n-th hash of a level.
func (t *tiler) fill(level int, hash tlog.Hash, n int64) []fullTile {
	var full []fullTile
	for ; ; level, n = level+1, n/torchwood.TileWidth {
		for level >= len(t.partial) {
			t.partial = append(t.partial, nil)
		}
		t.partial[level] = append(t.partial[level], hash)
		if have := int64(len(t.partial[level])); level == 1 && have%rootsWidth == 0 {
			full = append(full, fullTile{rootsKind, n/rootsWidth - 1, t.partial[level][have-rootsWidth:]})
		}
		if n%torchwood.TileWidth != 0 {
			slices.Reverse(full)
			return full
		}
		full = append(full, fullTile{tileKind(level), n/torchwood.TileWidth - 1, t.partial[level]})
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
func TileData(ctx context.Context, s Reader, log LogID, size int64, t tlog.Tile) ([]byte, error) {
	level := max(t.L, 0)
	if t.H != torchwood.TileHeight || t.N < 0 || t.W < 1 || level > 7 {
		return nil, ErrNotFound
	}
	if have := size >> (torchwood.TileHeight * level); t.N > have/torchwood.TileWidth || t.N*torchwood.TileWidth+int64(t.W) > have {
		return nil, ErrNotFound
	}
	var data []byte
	if t.L < 0 {
		lines, err := Lines(ctx, s, log, t.N*torchwood.TileWidth, int64(t.W))
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
	s    Reader
	log  LogID
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

// SaveTiles implements torchwood.TileReader. It does nothing: the ledger keeps its tiles itself.
func (*tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadEndpoint implements torchwood.TileReader. Proofs do not call it.
func (*tileReader) ReadEndpoint(context.Context, string) ([]byte, error) { return nil, ErrNotFound }
