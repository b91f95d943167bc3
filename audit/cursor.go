package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"
)

// cursor verifies one log, page by page, as far as it is asked to.
type cursor struct {
	head    head
	turns   turning                     // the names and keys that the ledger has had
	prunes  []pruning                   // that the spine has of the log
	key     atomic.Pointer[VerifierKey] // of the head, for the pages that are examined ahead
	next    func() (examined, error, bool)
	stop    func()
	report  LogReport
	ended   bool
	verdict *RowError            // the first finding; the cursor goes no further
	hold    *RowError            // a finding unless pruning explains it
	passed  int64                // the number of the last page since hold
	behind  int64                // pages read before a stub
	from    int64                // smaller trees cannot be compared: they were pruned, or trusted
	taken   func(examined) error // called with each page once it is verified, in order; nil for none
	tiles   *tileCheck           // nil for none
	index   *indexCheck          // nil for none
}

func newCursor(ctx context.Context, s PageReader, h head, from int64) *cursor {
	c := &cursor{head: h, from: h.size, report: LogReport{Log: h.log, From: h.size, Size: h.size, Pages: h.number}}
	c.key.Store(&h.key)
	if h.size > 0 {
		c.report.Root = h.tree().Hash
	}
	pages := inOrder(ctx, runtime.GOMAXPROCS(0), s.Pages(ctx, h.log, from), func(p Page) examined { return examine(p, h.ledger, *c.key.Load()) })
	c.next, c.stop = iter.Pull2(pages)
	return c
}

// close ends all reading.
func (c *cursor) close() {
	c.stop()
	if c.tiles != nil {
		c.tiles.close()
		c.index.close()
	}
}

// reach verifies the log up to a size. The error means that the log could not be read; what is wrong
// with it is in verdict.
func (c *cursor) reach(size int64) error {
	for c.head.size < size && !c.ended && c.verdict == nil {
		if err := c.step(); err != nil {
			return err
		}
	}
	return nil
}

// finish verifies the log to its end.
func (c *cursor) finish() error {
	if err := c.reach(maxIndex + 1); err != nil || c.verdict != nil {
		return err
	}
	switch {
	case c.head.number == 0 && c.hold != nil && len(c.prunes) > 0:
		c.fail(&RowError{PageRow(c.head.log, c.prunes[len(c.prunes)-1].page), "missing, though the spine says that the log was pruned up to it"})
	case c.hold != nil:
		c.fail(c.hold)
	case c.head.number == 0:
		c.fail(&RowError{PageRow(c.head.log, 0), "missing"})
	default:
		c.report.Whole = true
	}
	return nil
}

func (c *cursor) fail(row *RowError) { c.verdict = row }

func (c *cursor) step() error {
	x, err, ok := c.next()
	var row *RowError
	switch {
	case errors.As(err, &row):
		c.fail(row)
		return nil
	case err != nil:
		return fmt.Errorf("audit: read log %s: %w", c.head.log, err)
	case !ok:
		c.ended = true
		return nil
	}
	return c.page(x)
}

// page takes the next page.
func (c *cursor) page(x examined) error {
	c.behind++
	switch {
	case x.page.Stub:
		c.report.Leftovers = c.behind - 1
		return c.restart(x.page)
	case c.hold != nil:
		c.await(x.page.Number, c.hold)
		return nil //nolint:nilerr // a finding is no error of reading
	}
	if c.head.number == 0 && c.head.log != Spine {
		c.begin(x.page)
	}
	if !c.head.key.Equal(x.key) { // it was not known yet when the page was examined
		x = examine(x.page, c.head.ledger, c.head.key)
	}
	after, err := c.head.advance(x)
	var row *RowError
	if errors.As(err, &row) {
		if n := len(c.prunes); x.page.Number > c.head.number && n > 0 && c.prunes[n-1].page >= c.head.number {
			row = &RowError{PageRow(c.head.log, c.prunes[n-1].page), "missing, or not the stub that pruning leaves"}
		}
		c.passed = c.head.number
		c.await(x.page.Number, row)
		return nil
	}
	if !after.key.Equal(c.head.key) {
		c.key.Store(&after.key)
	}
	c.head = after
	return c.accept(x)
}

// await holds a finding back for as long as a stub further on may explain it: pages before a stub are
// what pruning has not removed yet.
func (c *cursor) await(number int64, row *RowError) {
	c.hold = row
	if number <= c.passed || !slices.ContainsFunc(c.prunes, func(q pruning) bool { return q.page > number }) {
		c.fail(row)
	}
	c.passed = number
}

// begin finds the name and the key that the ledger had when the log was opened.
func (c *cursor) begin(first Page) {
	if h, err := c.turns.headAfter(first); err == nil {
		c.head.ledger, c.head.key = h.ledger, h.key
		c.key.Store(&h.key)
	}
}

// restart goes on from a stub. The pages before it are what pruning has not removed yet.
func (c *cursor) restart(p Page) error {
	if p.Number < c.head.number {
		c.fail(p.fault("out of order"))
		return nil
	}
	isIt := func(q pruning) bool { return q.page == p.Number && q.tree == p.Tree() }
	if !slices.ContainsFunc(c.prunes, isIt) {
		c.fail(p.fault(noPrune))
		return nil
	}
	h, err := c.turns.headAfter(p)
	var row *RowError
	if errors.As(err, &row) {
		c.fail(row)
		return nil
	}
	c.key.Store(&h.key)
	c.head, c.hold, c.from = h, nil, h.size
	c.report.Pruned, c.report.Pages, c.report.Size = h.size, h.number, h.size
	c.report.Root, c.report.Checkpoint = p.Root, string(p.Checkpoint)
	if c.tiles != nil {
		if err := c.index.restart(p); err != nil {
			return err
		}
		return c.tiles.restart(p)
	}
	return nil
}

func (c *cursor) accept(x examined) error {
	r := &c.report
	r.Pages, r.Size, r.Root, r.Checkpoint = c.head.number, c.head.size, x.page.Root, string(x.page.Checkpoint)
	if c.tiles != nil {
		if err := c.tiles.add(x.leaves); err != nil {
			return err
		}
		p := x.page
		p.entries = x.entries
		if err := c.index.add(p); err != nil {
			return err
		}
	}
	if c.taken != nil {
		return c.taken(x)
	}
	return nil
}

// agrees compares the log with a tree that something says it had. The cursor must have reached it and
// not gone past. said names what says so.
func (c *cursor) agrees(t tlog.Tree, said string) {
	switch {
	case c.verdict != nil, c.hold != nil, t.N < c.from:
	case c.head.size < t.N:
		c.fail(&RowError{EntryRow(c.head.log, c.head.size), fmt.Sprintf("missing: %s has %d entries", said, t.N)})
	case c.head.size > t.N:
		c.fail(&RowError{PageRow(c.head.log, c.head.number-1), "it leads past the size that " + said + " has"})
	case c.head.tree().Hash != t.Hash:
		c.fail(&RowError{PageRow(c.head.log, c.head.number-1), "it or one before it was changed: the tree up to here is not the one of " + said})
	}
}

// finishDerived looks for blobs after those that the log has. Those of entries that came after the cursor's
// last page are no finding.
func (c *cursor) finishDerived(ctx context.Context, s PageReader) error {
	if c.tiles == nil {
		return nil
	}
	if err := c.index.wait(); err != nil || c.verdict != nil {
		return err
	}
	last, err := lastPage(ctx, s, c.head.log)
	var row *RowError // of a page after those that were read, which are what was verified
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.As(err, &row) {
		return fmt.Errorf("audit: read log %s: %w", c.head.log, err)
	}
	size := max(last.Size(), c.head.size)
	if err := c.tiles.finish(size); err != nil {
		return err
	}
	return c.index.finish(size)
}

// derivedFindings returns what is wrong with what is derived from the log.
func (c *cursor) derivedFindings() []*RowError {
	if c.tiles == nil {
		return nil
	}
	return slices.Concat(c.tiles.findings, c.index.findings)
}
