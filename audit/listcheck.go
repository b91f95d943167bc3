package audit

import (
	"context"
	"slices"
)

// check holds a page that answers a question to its signature, and to the page before it: its lines must
// lead from that one's tree to its own, which is signed. A change of either page shows. bound says that the
// page after it was checked against it: then its tree is that page's, and needs no signature of its own. The
// error is a *RowError.
func (x *Index) check(ctx context.Context, before, p Page, bound bool) error {
	if !bound {
		if err := x.runs.keys.with(ctx, func(t turning) error { return t.signs(p) }); err != nil {
			return err
		}
	}
	var e edge
	if p.Number > 0 {
		e = before.Edge
		if before.Number != p.Number-1 || before.Size() != p.First || !e.fits(p.First) {
			return p.fault("it does not follow on the page before it")
		}
	} else if p.First != 0 {
		return p.fault("it does not begin the log")
	}
	if len(p.Lines) == 0 || !slices.Equal(e.grow(p.First, leafHashes(p)...), edge(p.Edge)) {
		return p.fault("its lines are not those of its root")
	}
	// The page's time is in no tree. Its entries' is, and they have all the same.
	if first, err := Parse(p.Lines[0]); err != nil || !first.Time.Equal(p.Time) {
		return p.fault("its time is not that of its entries")
	}
	return nil
}

// checked returns a page that holds. If it was pruned, the log's stub is returned in its place.
func (x *Index) checked(ctx context.Context, log LogID, number int64) (Page, error) {
	p, err := x.page(ctx, log, number)
	if err != nil || p.Stub {
		return p, err
	}
	var before Page
	if number > 0 {
		if before, err = x.page(ctx, log, number-1); err != nil {
			return Page{}, err
		}
		if before.Number > number { // it was pruned meanwhile
			return before, nil
		}
	}
	return p, x.check(ctx, before, p, false)
}

// signs returns an error if a page's tree is not signed. Most pages are signed by the key and under the name
// of now, and need not be parsed for that.
func (t turning) signs(p Page) error {
	tree, err := p.signed(t.name(), []VerifierKey{t.key()})
	if err == nil && tree == p.Tree() && edge(p.Edge).fits(tree.N) && edge(p.Edge).root() == tree.Hash {
		return nil
	}
	_, err = t.headAfter(p)
	return err
}

// noPrune is what is wrong with a stub that no PRUNE explains.
const noPrune = "the lines before it are gone, and no PRUNE in the spine says that they were removed"

// pruned holds a stub to the PRUNEs of the spine. The error is a *RowError if none is of its tree.
func (x *Index) pruned(ctx context.Context, stub Page) error {
	if stub.Log == Spine {
		return stub.fault(noPrune)
	}
	x.mu.Lock()
	known := x.stubs[stub.Log] == stub.Tree()
	x.mu.Unlock()
	if known {
		return nil
	}
	q := Query{Operations: []Operation{Pruned}, Logs: []LogID{Spine}, Limit: 500}
	for {
		found, next, err := x.List(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range found {
			if p, log, err := parsePruning(e); err == nil && log == stub.Log && p.page == stub.Number && p.tree == stub.Tree() {
				x.mu.Lock()
				defer x.mu.Unlock()
				x.stubs[log] = p.tree
				return nil
			}
		}
		if q.Before = next; next == nil {
			return stub.fault(noPrune)
		}
	}
}

// gone returns ErrNotFound if an entry that has no page was pruned, and else a *RowError.
func (x *Index) gone(ctx context.Context, log LogID, index int64) error {
	stub, err := stubOf(ctx, x.reader, log)
	if err != nil {
		return err
	}
	if !stub.Stub || stub.First <= index {
		return &RowError{EntryRow(log, index), "missing"}
	}
	if err := x.pruned(ctx, stub); err != nil {
		return err
	}
	return ErrNotFound
}
