package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// The full tiles of the lowest level have 32 bytes for each entry, and say nothing that its line does not
// say. As long as a log has the lines, blobs of roots stand for these tiles: what is above them is computed
// from the roots, without the lines. Prune puts the tiles before it removes their lines.

// rootsKind is the kind of the blobs that hold the roots of full tiles of the lowest level: the blob n has
// those of the tiles from n*rootsWidth on.
const rootsKind = "roots"

// rootsWidth is how many roots a blob has. Sixteen, with the row's name, cost one write unit of DynamoDB, and
// from the last ones to the end of a log are fewer than 4,096 entries, which a proof reads as lines.
var rootsWidth int64 = 16

// readTile returns the hashes of a full tile. ErrNotFound: it is not kept.
func readTile(ctx context.Context, s BlobReader, log LogID, level int, number int64) ([]tlog.Hash, error) {
	kept, err := blobsAt(ctx, s, log, tileKind(level), []int64{number})
	if err != nil {
		return nil, err
	}
	if kept[0].Data == nil {
		return nil, ErrNotFound
	}
	return kept[0].hashes(torchwood.TileWidth)
}

// hashes returns the hashes that a blob of n of them holds.
func (b Blob) hashes(n int64) ([]tlog.Hash, error) {
	if int64(len(b.Data)) != n*tlog.HashSize {
		return nil, &RowError{BlobRow(b.Log, b.Kind, b.Number), fmt.Sprintf("it is not %d hashes", n)}
	}
	hashes := make([]tlog.Hash, n)
	for i := range hashes {
		hashes[i] = tlog.Hash(b.Data[i*tlog.HashSize:][:tlog.HashSize])
	}
	return hashes, nil
}

// tileHashes returns the first width hashes of a tile. Those of the lowest level are the lines' own, which
// takes as many calls as Lines. Of a higher level a full tile is one call if it is kept, and else it is made
// from what is kept below it: roots (lowestRoots), or up to 256 tiles, which are four calls. What is kept
// nowhere is made from the lines.
func tileHashes(ctx context.Context, s Reader, log LogID, level int, number int64, width int) ([]tlog.Hash, error) {
	if level == 0 {
		return lowestTile(ctx, s, log, number, width)
	}
	if width == torchwood.TileWidth {
		if hashes, err := readTile(ctx, s, log, level, number); !errors.Is(err, ErrNotFound) {
			return hashes, err
		}
	}
	first := number * torchwood.TileWidth
	if level == 1 {
		return lowestRoots(ctx, s, log, first, first+int64(width))
	}
	below, err := blobsAt(ctx, s, log, tileKind(level-1), numbers(first, first+int64(width)))
	if err != nil {
		return nil, err
	}
	hashes := make([]tlog.Hash, 0, width)
	for _, b := range below {
		tile, err := b.hashes(torchwood.TileWidth)
		if b.Data == nil {
			tile, err = tileHashes(ctx, s, log, level-1, b.Number, torchwood.TileWidth)
		}
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, perfectRoot(tile))
	}
	return hashes, nil
}

// lowestTile returns the first width hashes of a tile of the lowest level: from the lines, or from the tile
// that pruning has put before it removed them.
func lowestTile(ctx context.Context, s Reader, log LogID, number int64, width int) ([]tlog.Hash, error) {
	hashes, err := leaves(ctx, s, log, number*BundleWidth, int64(width))
	if !errors.Is(err, ErrNotFound) {
		return hashes, err
	}
	if hashes, err = readTile(ctx, s, log, 0, number); err != nil {
		return nil, err
	}
	return hashes[:width], nil
}

// lowestRoots returns the roots of full tiles of the lowest level, from the number from, which a tile of the
// next level begins with, to to-1. Those that are kept are one call for 1,024 of them. Those after the last
// ones that are kept are computed, most often from fewer than 4,096 lines.
func lowestRoots(ctx context.Context, s Reader, log LogID, from, to int64) ([]tlog.Hash, error) {
	kept, err := blobsAt(ctx, s, log, rootsKind, numbers(from/rootsWidth, (to+rootsWidth-1)/rootsWidth))
	if err != nil {
		return nil, err
	}
	all := make([]tlog.Hash, 0, to-from)
	for _, b := range kept {
		first := b.Number * rootsWidth
		end := min(first+rootsWidth, to)
		roots, err := b.hashes(rootsWidth)
		if b.Data == nil {
			roots, err = computeRoots(ctx, s, log, first, end)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, roots[:end-first]...)
	}
	return all, nil
}

// computeRoots returns the roots of at most rootsWidth full tiles of the lowest level, of which no roots are
// kept: from the tiles that were pruned, and from the lines of the others.
func computeRoots(ctx context.Context, s Reader, log LogID, from, to int64) ([]tlog.Hash, error) {
	live, err := liveFrom(ctx, s, log)
	if err != nil {
		return nil, err
	}
	pruned := min(max(from, live/BundleWidth), to)
	tiles, err := blobsAt(ctx, s, log, tileKind(0), numbers(from, pruned))
	if err != nil {
		return nil, err
	}
	roots := make([]tlog.Hash, 0, to-from)
	for _, b := range tiles {
		if b.Data == nil {
			return nil, ErrNotFound
		}
		hashes, err := b.hashes(torchwood.TileWidth)
		if err != nil {
			return nil, err
		}
		roots = append(roots, perfectRoot(hashes))
	}
	rest, err := leaves(ctx, s, log, pruned*BundleWidth, (to-pruned)*BundleWidth)
	for tile := range slices.Chunk(rest, BundleWidth) {
		roots = append(roots, perfectRoot(tile))
	}
	return roots, err
}
