package audit

import (
	"context"
	"errors"
	"sort"

	"golang.org/x/mod/sumdb/note"
)

// begin returns the head from which to verify a log: its beginning, or the end of the largest tree
// that the reviewer trusts.
func (v *verification) begin(ctx context.Context, l *LogReport, ver note.Verifier) (head, error) {
	from := treesOf(v.from, l.Log, 0)
	if len(from) == 0 {
		return head{log: l.Log}, nil
	}
	trusted := from[len(from)-1]
	p, err := v.pageOf(ctx, trusted)
	if err != nil {
		return head{}, err
	}
	h, err := headAfter(p, ver)
	if err != nil {
		return head{}, err
	}
	if h.at().tree != trusted.tree {
		return head{}, trusted.fault(PageRow(l.Log, p.Number), "its tree is not")
	}
	l.From, l.Pages, l.Size, l.Root, l.Checkpoint = h.size, h.number, h.size, p.Root, string(p.Checkpoint)
	l.Closed = h.next != ""
	v.done += h.size
	return h, nil
}

// pageOf finds the page that ends with a trusted tree, by a binary search over page numbers.
func (v *verification) pageOf(ctx context.Context, k keptTree) (Page, error) {
	last, err := v.store.Last(ctx, k.log)
	if errors.Is(err, ErrNotFound) || err == nil && last.Size() < k.tree.N {
		return Page{}, k.cut(last.Size())
	}
	if err != nil {
		return Page{}, err
	}
	var failed error
	n := sort.Search(int(last.Number), func(i int) bool {
		p, err := v.page(ctx, k.log, int64(i))
		failed = errors.Join(failed, err)
		return p.Size() >= k.tree.N
	})
	if failed != nil {
		return Page{}, failed
	}
	p, err := v.page(ctx, k.log, int64(n))
	if err == nil && p.Size() != k.tree.N {
		err = k.fault(PageRow(k.log, p.Number), "it leads past the size that is")
	}
	return p, err
}

// page reads one page. A page that is not there is a *RowError.
func (v *verification) page(ctx context.Context, log string, number int64) (Page, error) {
	for p, err := range v.store.Pages(ctx, log, number) {
		if err != nil || p.Number == number {
			return p, err
		}
		break
	}
	return Page{}, &RowError{PageRow(log, number), "missing"}
}
