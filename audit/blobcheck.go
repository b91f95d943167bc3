package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// blobCheck compares the blobs that are stored of a log with those that follow from its lines, in the
// order of their numbers. Blobs at the end may be missing: they are derived behind the commits.
type blobCheck struct {
	ctx      context.Context
	store    BlobReader
	log      LogID
	kinds    map[string]*kindCheck
	findings []*RowError // the first of the log
}

// kindCheck reads the blobs of one kind in their order.
type kindCheck struct {
	next  func() (Blob, error, bool)
	stop  func()
	now   Blob
	there bool
	lacks int64 // the first one that is missing, or -1
}

func newBlobCheck(ctx context.Context, s BlobReader, log LogID) blobCheck {
	return blobCheck{ctx: ctx, store: s, log: log, kinds: map[string]*kindCheck{}}
}

func (c *blobCheck) found(kind string, number int64, problem string) {
	c.finding(&RowError{BlobRow(c.log, kind, number), problem})
}

func (c *blobCheck) finding(row *RowError) {
	if len(c.findings) == 0 {
		c.findings = append(c.findings, row)
	}
}

// take compares the next blob of a kind, whose first one has the number first, by what fault says of the
// stored one. It reports whether one is stored.
func (c *blobCheck) take(kind string, number, first int64, fault func(stored Blob) string) (stored bool, err error) {
	k, err := c.kind(kind, first)
	if err != nil {
		return false, err
	}
	if !k.there || k.now.Number > number {
		b, there, err := c.again(kind, number)
		switch {
		case err != nil:
			return false, err
		case !there && k.lacks < 0:
			k.lacks = number
		case there && fault(b) != "":
			c.found(kind, number, fault(b))
		}
		return there, nil
	}
	if k.now.Number < number {
		c.found(kind, k.now.Number, "the log has no such blob")
		return true, nil
	}
	if problem := fault(k.now); problem != "" {
		c.found(kind, number, problem)
	}
	if k.lacks >= 0 {
		_, there, err := c.again(kind, k.lacks)
		if err != nil {
			return true, err
		}
		if !there {
			c.found(kind, k.lacks, "missing, though a later one is there")
		}
		k.lacks = -1
	}
	return true, c.advance(k)
}

// takeIfThere is take for a blob that may be missing even if later ones are there.
func (c *blobCheck) takeIfThere(kind string, number, first int64, fault func(stored Blob) string) (stored bool, err error) {
	k, err := c.kind(kind, first)
	if err != nil || !k.there || k.now.Number > number {
		return false, err
	}
	return c.take(kind, number, first, fault)
}

// again looks for a blob that the reading of its kind did not meet: a server may have derived it since.
func (c *blobCheck) again(kind string, number int64) (Blob, bool, error) {
	found, err := c.store.BlobsAt(c.ctx, c.log, kind, []int64{number})
	var row *RowError
	if errors.As(err, &row) {
		c.finding(row)
		return Blob{}, false, nil
	}
	if err != nil || len(found) == 0 {
		return Blob{}, false, err
	}
	return found[0], true, nil
}

func (c *blobCheck) kind(kind string, first int64) (*kindCheck, error) {
	k, known := c.kinds[kind]
	if known {
		return k, nil
	}
	k = &kindCheck{lacks: -1}
	k.next, k.stop = iter.Pull2(c.store.Blobs(c.ctx, c.log, kind, first))
	c.kinds[kind] = k
	return k, c.advance(k)
}

func (c *blobCheck) advance(k *kindCheck) error {
	b, err, ok := k.next()
	k.now, k.there = b, ok && err == nil
	var row *RowError
	switch {
	case errors.As(err, &row):
		c.finding(row)
	case err != nil:
		return fmt.Errorf("audit: read what was derived from log %s: %w", c.log, err)
	}
	return nil
}

func (c *blobCheck) close() {
	for _, k := range c.kinds {
		k.stop()
	}
}
