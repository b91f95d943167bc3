package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tileCheck compares the tiles that are kept of a log with those that follow from its lines. Tiles at
// the end may be missing: they are derived behind the commits.
type tileCheck struct {
	ctx      context.Context
	store    BlobReader
	log      LogID
	tiler    *tiler
	levels   map[int]*tileLevel
	findings []*RowError
}

// tileLevel reads the tiles of one level in their order.
type tileLevel struct {
	next  func() (Blob, error, bool)
	stop  func()
	now   Blob
	there bool
	lacks int64 // the first tile that is missing, or -1
}

func newTileCheck(ctx context.Context, s BlobReader, log LogID) *tileCheck {
	return &tileCheck{ctx: ctx, store: s, log: log, tiler: &tiler{}, levels: map[int]*tileLevel{}}
}

// has reports whether a log of the tiler's size has tiles of a kind.
func (c *tileCheck) has(kind string) bool {
	for level := range c.levels {
		if tileKind(level) == kind {
			return true
		}
	}
	return false
}

func (c *tileCheck) found(kind string, number int64, problem string) {
	if len(c.findings) == 0 { // the first of each log
		c.findings = append(c.findings, &RowError{BlobRow(c.log, kind, number), problem})
	}
}

func (c *tileCheck) add(leaves []tlog.Hash) error {
	return c.compare(c.tiler.addAll(leaves))
}

func (c *tileCheck) compare(full []fullTile) error {
	for _, t := range full {
		l, err := c.level(t.level)
		if err != nil {
			return err
		}
		switch want := tileBlob(c.log, t); {
		case !l.there || l.now.Number > t.number:
			if l.lacks < 0 {
				l.lacks = t.number
			}
		case l.now.Number < t.number:
			c.found(l.now.Kind, l.now.Number, "the log has no such tile")
		case !slices.Equal(l.now.Data, want.Data):
			c.found(want.Kind, want.Number, "it is not of the log's entries")
			fallthrough
		default:
			if l.lacks >= 0 {
				c.found(want.Kind, l.lacks, "missing, though a later one is there")
			}
			if err := l.advance(c.log); err != nil {
				return c.asFinding(err)
			}
		}
	}
	return nil
}

func (c *tileCheck) level(level int) (*tileLevel, error) {
	l, known := c.levels[level]
	if !known {
		l = &tileLevel{lacks: -1}
		l.next, l.stop = iter.Pull2(c.store.Blobs(c.ctx, c.log, tileKind(level), 0))
		c.levels[level] = l
		if err := l.advance(c.log); err != nil {
			return l, c.asFinding(err)
		}
	}
	return l, nil
}

func (l *tileLevel) advance(log LogID) error {
	b, err, ok := l.next()
	if err != nil {
		l.there = false
		return fmt.Errorf("audit: read the tiles of log %s: %w", log, err)
	}
	l.now, l.there = b, ok
	return nil
}

func (c *tileCheck) asFinding(err error) error {
	var row *RowError
	if !errors.As(err, &row) {
		return err
	}
	if len(c.findings) == 0 {
		c.findings = append(c.findings, row)
	}
	return nil
}

// restart goes on from a stub. The lines before it are gone, and its tiles stay: they must lead to the
// root that was signed.
func (c *tileCheck) restart(stub Page) error {
	c.close()
	c.tiler, c.levels, c.findings = &tiler{size: stub.First}, map[int]*tileLevel{}, nil
	for number := range stub.First / BundleWidth {
		l, err := c.level(0)
		if err != nil {
			return err
		}
		if !l.there || l.now.Number != number {
			c.found(tileKind(0), number, "missing, though its lines were pruned")
			return nil
		}
		hashes, err := l.now.tile()
		if err != nil {
			return c.asFinding(err)
		}
		if err := c.compare(c.tiler.fill(1, perfectRoot(hashes), number+1)); err != nil {
			return err
		}
		if err := l.advance(c.log); err != nil {
			return c.asFinding(err)
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

// finishTiles looks for tiles after those that the log has.
func (c *cursor) finishTiles() error {
	if c.tiles == nil || c.verdict != nil {
		return nil //nolint:nilerr // a finding is no error of reading
	}
	for level := range maxLevel + 1 {
		l, err := c.tiles.level(level)
		if err != nil {
			return err
		}
		if l.there {
			c.tiles.found(l.now.Kind, l.now.Number, "the log has no such tile")
		}
	}
	return nil
}

func (c *tileCheck) close() {
	for _, l := range c.levels {
		l.stop()
	}
}
