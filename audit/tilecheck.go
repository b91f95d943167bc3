package audit

import (
	"bytes"
	"context"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tileCheck compares the tiles and roots that are kept of a log with those that follow from its lines. Tiles of
// the lowest level are kept of what was pruned. Of other lines they need not be there: a Prune that was
// interrupted leaves them.
type tileCheck struct {
	blobCheck
	tiler *tiler
}

func newTileCheck(ctx context.Context, s BlobReader, log LogID) *tileCheck {
	return &tileCheck{newBlobCheck(ctx, s, log), &tiler{}}
}

func (c *tileCheck) add(leaves []tlog.Hash) error {
	return c.compare(c.tiler.addAll(leaves), tileKind(0))
}

// compare compares what a log's tree has filled with what is kept. Of one kind nothing need be kept.
func (c *tileCheck) compare(full []fullTile, optional string) error {
	for _, t := range full {
		take := c.take
		if t.kind == optional {
			take = c.takeIfThere
		}
		_, err := take(t.kind, t.number, 0, func(stored Blob) string {
			if bytes.Equal(stored.Data, t.blob(c.log).Data) {
				return ""
			}
			return "it is not of the log's entries"
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// restart goes on from a stub. The lines before it are gone, and its tiles stay: they must lead to the
// root that was signed.
func (c *tileCheck) restart(stub Page) error {
	c.close()
	c.tiler, c.kinds, c.findings = &tiler{size: stub.First}, map[string]*kindCheck{}, nil
	suspect := int64(-1)
	for number := range stub.First / BundleWidth {
		k, err := c.kind(tileKind(0), 0)
		if err != nil {
			return err
		}
		if !k.there || k.now.Number != number {
			c.found(tileKind(0), number, "missing, though its lines were pruned")
			return nil
		}
		hashes, err := k.now.hashes(BundleWidth)
		if err != nil {
			c.found(tileKind(0), number, "it is not 256 hashes")
			return nil //nolint:nilerr // a finding is no error of reading
		}
		root := perfectRoot(hashes)
		if differs, err := c.differs(number, root); err != nil {
			return err
		} else if differs && suspect < 0 {
			suspect = number
		}
		// A log that was pruned before there were roots has none up to its stub, and needs none.
		if err := c.compare(c.tiler.fill(1, root, number+1), rootsKind); err != nil {
			return err
		}
		if err := c.advance(k); err != nil {
			return err
		}
	}
	if len(c.tiler.partial) == 0 {
		c.tiler.partial = append(c.tiler.partial, nil)
	}
	c.tiler.partial[0] = slices.Clone(stub.Leaves)
	if c.tiler.root() != stub.Root {
		c.findings = nil // what is above the tile may be right
		c.found(tileKind(0), max(suspect, 0), "it or a later one does not lead to the root of the pruned log")
	}
	return nil
}

// differs reports whether the kept roots have another root of a tile of the lowest level, if they have one. It
// says which tile is wrong if they do not lead to the root that was signed.
func (c *tileCheck) differs(number int64, root tlog.Hash) (bool, error) {
	k, err := c.kind(rootsKind, 0)
	if err != nil || !k.there || k.now.Number != number/rootsWidth {
		return false, err
	}
	kept, err := k.now.hashes(rootsWidth)
	return err == nil && kept[number%rootsWidth] != root, nil // what is no roots is a finding of its own
}

// root returns the root of the tiler's tree.
func (t *tiler) root() tlog.Hash {
	var e edge
	for _, hashes := range slices.Backward(t.partial) {
		var level edge
		for n, h := range hashes {
			level = level.grow(int64(n), h)
		}
		e = append(e, level...)
	}
	return e.root()
}

// finish looks for tiles and roots after those of a log with so many entries.
func (c *tileCheck) finish(size int64) error {
	kinds := []string{rootsKind}
	for level := range maxLevel + 1 {
		kinds = append(kinds, tileKind(level))
	}
	for _, kind := range kinds {
		k, err := c.kind(kind, 0)
		if err != nil {
			return err
		}
		if full, _ := blobCount(kind, size); k.there && k.now.Number >= full {
			c.found(kind, k.now.Number, "the log has no such blob")
		}
	}
	return nil
}
