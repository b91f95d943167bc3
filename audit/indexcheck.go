package audit

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
)

// indexCheck compares the index that is kept of a log with the one that follows from its lines. It is what
// an indexer puts its blobs to. It works beside the reading of the log: what it found is known after wait.
type indexCheck struct {
	blobCheck
	beside
	stop    context.CancelFunc
	turns   turning
	live    int64 // the first entry that was not pruned
	indexer *indexer
	lacking []lacking // blobs of the run that is being made that were not stored when they were looked for
	ended   *indexRun // the first run that is not stored: nothing comes after it
	former  bool      // it is stored under a former name or key: what comes after it is so too
}

// lacking is a blob that is not stored, and what it must hold.
type lacking struct {
	kind   string
	number int64
	hash   blobHash
}

func newIndexCheck(ctx context.Context, s BlobReader, log LogID, turns turning) *indexCheck {
	ctx, stop := context.WithCancel(ctx)
	c := &indexCheck{blobCheck: newBlobCheck(ctx, s, log), stop: stop, turns: turns}
	c.each = c.page
	c.indexer = newIndexer(log, c, 0, 0)
	return c
}

// restart goes on from a stub. A run that begins before it counts for nothing.
func (c *indexCheck) restart(stub Page) error {
	if err := c.wait(); err != nil {
		return err
	}
	c.blobCheck.close()
	c.kinds, c.findings, c.lacking, c.ended, c.former = map[string]*kindCheck{}, nil, nil, nil, false
	c.live = stub.First
	c.indexer = newIndexer(c.log, c, stub.First, stub.First)
	return nil
}

// close ends what goes on.
func (c *indexCheck) close() {
	c.stop()
	_ = c.wait() // whoever closes has no use for the result
	c.blobCheck.close()
}

// errEnded says that the rest of the index is not derived yet.
var errEnded = errors.New("audit: the rest is not derived")

// page takes the next page of the log.
func (c *indexCheck) page(p Page) error {
	if c.ended != nil || len(c.findings) > 0 {
		return nil
	}
	err := c.indexer.add(c.ctx, p)
	var row *RowError
	switch {
	case errors.Is(err, errEnded):
		return nil
	case errors.As(err, &row): // of a blob of a lower tier
		c.finding(row)
		return nil
	}
	return err
}

// BlobsAt implements BlobReader: the blobs that were compared.
func (c *indexCheck) BlobsAt(ctx context.Context, log LogID, kind string, numbers []int64) ([]Blob, error) {
	return c.store.BlobsAt(ctx, log, kind, numbers)
}

// Blobs is never called: an indexer knows the numbers.
func (c *indexCheck) Blobs(ctx context.Context, log LogID, kind string, from int64) iter.Seq2[Blob, error] {
	return c.store.Blobs(ctx, log, kind, from)
}

// workers implements indexOutput. Nobody waits for the CPUs of whoever verifies.
func (c *indexCheck) workers() int { return runtime.GOMAXPROCS(0) }

// blobs implements indexOutput.
func (c *indexCheck) blobs(_ context.Context, blobs []Blob) error {
	for _, want := range blobs {
		stored, err := c.take(want.Kind, want.Number, c.first(want.Kind), func(stored Blob) string {
			if bytes.Equal(stored.Data, want.Data) {
				return ""
			}
			return "it is not of the log's entries"
		})
		if err != nil {
			return err
		}
		if !stored {
			c.lacking = append(c.lacking, lacking{want.Kind, want.Number, hashOf(want.Data)})
		}
	}
	return nil
}

// first is the number of the first blob of a kind that counts.
func (c *indexCheck) first(kind string) int64 {
	for t := range tiers {
		run := tierOf[t].begin(c.live)
		switch kind {
		case bucketKind(t):
			return run << tierOf[t].bits
		case summaryKind(t), runKind(t):
			return run
		}
	}
	return 0
}

// run implements indexOutput.
func (c *indexCheck) run(_ context.Context, r *indexRun) error {
	kind := runKind(r.tier)
	former := false
	stored, err := c.take(kind, r.number, c.first(kind), func(stored Blob) string {
		got, err := parseRun(stored, r.tier, c.turns)
		var row *RowError
		switch {
		case errors.Is(err, errFormer): // to be derived again, as if it were not there
			former = true
			return ""
		case errors.As(err, &row):
			return row.Problem
		case got.first != r.first || got.pages != r.pages || !slices.Equal(got.hashes, r.hashes):
			return "it is not of the log's entries"
		}
		return ""
	})
	if err == nil && stored && !former {
		err = c.lookAgain()
	}
	c.lacking = nil
	if err == nil && (!stored || former) {
		c.ended, c.former = r, former
		err = errEnded
	}
	return err
}

// lookAgain looks once more for the blobs of a run that is stored: a server may have put both meanwhile.
func (c *indexCheck) lookAgain() error {
	for _, l := range c.lacking {
		b, there, err := c.again(l.kind, l.number)
		switch {
		case err != nil:
			return err
		case !there:
			c.found(l.kind, l.number, "missing, though the run that it belongs to is there")
		case hashOf(b.Data) != l.hash:
			c.found(l.kind, l.number, "it is not of the log's entries")
		}
	}
	return nil
}

// finish looks for blobs after those of a log with so many entries.
func (c *indexCheck) finish(size int64) error {
	if len(c.findings) > 0 {
		return nil
	}
	for t := range tiers {
		for _, kind := range []string{runKind(t), summaryKind(t), bucketKind(t)} {
			k, err := c.kind(kind, c.first(kind))
			if err != nil {
				return err
			}
			for k.there && len(c.findings) == 0 {
				more, err := c.after(t, k.now, size)
				if err != nil {
					return err
				}
				if !more {
					break
				}
				if err := c.advance(k); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// after judges a blob that comes after those that were compared, and reports whether to look at the one after
// it. An interrupted server leaves the blobs of a run without the run itself.
func (c *indexCheck) after(t int, b Blob, size int64) (more bool, err error) {
	run := b.Number
	if b.Kind == bucketKind(t) {
		run >>= tierOf[t].bits
	}
	switch {
	case run >= size/tierOf[t].size:
		c.found(b.Kind, b.Number, "the log has no such blob")
	case c.ended == nil: // of entries that came while the log was verified
	case c.former && b.Kind != runKind(t):
		return true, nil
	case c.former:
		if _, err := parseRun(b, t, c.turns); errors.Is(err, errFormer) {
			return true, nil
		}
		c.found(b.Kind, b.Number, "one before it is of a former name or key, and this is not")
	case t != c.ended.tier || run != c.ended.number || b.Kind == runKind(t):
		_, there, err := c.again(runKind(c.ended.tier), c.ended.number)
		if !there && err == nil {
			c.found(runKind(c.ended.tier), c.ended.number, "missing, though what comes after it is there")
		}
		return false, err
	default:
		return true, nil // the run was not put yet
	}
	return false, nil
}
