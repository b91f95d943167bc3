package audit

import (
	"bytes"
	"context"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tileCheck compares the tiles that are kept of a log with those that follow from its lines.
type tileCheck struct {
	blobCheck
	tiler *tiler
}

func newTileCheck(ctx context.Context, s BlobReader, log LogID) *tileCheck {
	return &tileCheck{newBlobCheck(ctx, s, log), &tiler{}}
}

func (c *tileCheck) add(leaves []tlog.Hash) error {
	return c.compare(c.tiler.addAll(leaves))
}

func (c *tileCheck) compare(full []fullTile) error {
	for _, t := range full {
		want := tileBlob(c.log, t)
		_, err := c.take(want.Kind, want.Number, 0, func(stored Blob) string {
			if bytes.Equal(stored.Data, want.Data) {
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
	for number := range stub.First / BundleWidth {
		k, err := c.kind(tileKind(0), 0)
		if err != nil {
			return err
		}
		if !k.there || k.now.Number != number {
			c.found(tileKind(0), number, "missing, though its lines were pruned")
			return nil
		}
		hashes, err := k.now.tile()
		if err != nil {
			c.found(tileKind(0), number, "it is not 256 hashes")
			return nil //nolint:nilerr // a finding is no error of reading
		}
		if err := c.compare(c.tiler.fill(1, perfectRoot(hashes), number+1)); err != nil {
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
		c.found(tileKind(0), 0, "it or a later one does not lead to the root of the pruned log")
	}
	return nil
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

// finish looks for tiles after those of a log with so many entries.
func (c *tileCheck) finish(size int64) error {
	for level := range maxLevel + 1 {
		k, err := c.kind(tileKind(level), 0)
		if err != nil {
			return err
		}
		if full := size >> (8 * (level + 1)); k.there && k.now.Number >= full {
			c.found(k.now.Kind, k.now.Number, "the log has no such tile")
		}
	}
	return nil
}
