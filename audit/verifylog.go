package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sort"

	"golang.org/x/mod/sumdb/note"
)

// verification is one run of Verify over all logs.
type verification struct {
	report   *Report
	store    Store
	key      VerifierKey
	progress func(done, total int64)
	done     int64
	total    int64

	kept   []keptTree // of the log at hand and those after it
	from   []keptTree
	last   map[string]head // of each log that is whole
	opens  []Entry         // the first entry of each log that was read from its beginning
	prunes []string        // commitments of the logs that a PRUNE names
	pruned []pruned        // logs that have lost lines
}

// pruned is a log without some of its lines.
type pruned struct {
	log  string
	page int64 // the first one
}

func (v *verification) run(ctx context.Context, logs []string, o VerifyOptions) error {
	var err error
	if v.kept, err = v.trees(o.Kept); err != nil {
		return err
	}
	if v.from, err = v.trees(o.From); err != nil {
		return err
	}
	if v.progress != nil {
		for _, log := range logs {
			if last, err := v.store.Last(ctx, log); err == nil {
				v.total += last.Size()
			}
		}
	}
	for _, log := range logs {
		if err := v.verifyLog(ctx, log); err != nil {
			return err
		}
	}
	if o.Log == "" {
		v.missingLogs(logs)
		v.chain(logs)
	}
	return nil
}

func (v *verification) found(row, problem string) {
	v.report.Findings = append(v.report.Findings, &RowError{row, problem})
}

func (v *verification) verifyLog(ctx context.Context, log string) error {
	l := LogReport{Log: log}
	err := v.walk(ctx, &l)
	var row *RowError
	switch {
	case errors.As(err, &row):
		v.report.Findings = append(v.report.Findings, row)
	case err != nil:
		return fmt.Errorf("audit: read %s: %w", log, err)
	default:
		l.Whole = true
	}
	v.report.Logs = append(v.report.Logs, l)
	return nil
}

// walk verifies the pages of a log in order.
func (v *verification) walk(ctx context.Context, l *LogReport) error {
	if !logPattern.MatchString(l.Log) {
		return &RowError{LogRow(l.Log), "not a name that a log can have"}
	}
	ver, err := v.key.verifier(l.Log)
	if err != nil {
		return err
	}
	h, err := v.begin(ctx, l, ver)
	if err != nil {
		return err
	}
	kept := treesOf(v.kept, l.Log, h.size) // of smaller ones nothing is read
	grown := func(size int64, e edge) error { return v.check(l.Log, &kept, size, e) }
	if h.size > 0 {
		if err := grown(h.size, h.edge); err != nil {
			return err
		}
	}
	for x, err := range examinePages(ctx, v.store.Pages(ctx, l.Log, h.number), ver) {
		if err != nil {
			return err
		}
		after, err := h.advance(x, grown)
		if err != nil {
			return err
		}
		v.note(l, x)
		h = after
		l.Pages, l.Size, l.Root, l.Checkpoint = h.number, h.size, x.page.Root, string(x.page.Checkpoint)
		l.Closed = h.next != ""
	}
	if h.number == 0 {
		return &RowError{PageRow(l.Log, 0), "missing"}
	}
	if len(kept) > 0 {
		return kept[0].cut(h.size)
	}
	v.last[l.Log] = h
	return nil
}

// note remembers what a page says of other logs.
func (v *verification) note(l *LogReport, x examined) {
	for _, e := range x.entries {
		switch {
		case e.Index == 0:
			v.opens = append(v.opens, e)
		case e.Operation == Pruned:
			v.prunes = append(v.prunes, e.Checkpoint)
		}
	}
	if x.page.Pruned {
		if n := len(v.pruned); n == 0 || v.pruned[n-1].log != l.Log {
			v.pruned = append(v.pruned, pruned{l.Log, x.page.Number})
		}
		l.Pruned += int64(len(x.leaves) - len(x.entries))
	}
	v.done += int64(len(x.leaves))
	if v.progress != nil {
		v.progress(v.done, max(v.done, v.total))
	}
}

// begin returns the head to verify a log from: its beginning, or after the tree that
// the reviewer trusts.
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

// pageOf returns the page that ends with a trusted tree, by a binary search.
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

func (v *verification) page(ctx context.Context, log string, number int64) (Page, error) {
	for p, err := range v.store.Pages(ctx, log, number) {
		if err != nil || p.Number == number {
			return p, err
		}
		break
	}
	return Page{}, &RowError{PageRow(log, number), "missing"}
}

// examinePages examines pages side by side, and yields them in their order.
func examinePages(ctx context.Context, pages iter.Seq2[Page, error], v note.Verifier) iter.Seq2[examined, error] {
	return func(yield func(examined, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		workers := runtime.GOMAXPROCS(0)
		order := make(chan chan examined, 2*workers) // so many pages are held at a time
		work := make(chan func(), workers)
		for range workers {
			go func() {
				for f := range work {
					f()
				}
			}()
		}
		var failed error
		go func() {
			defer close(order)
			defer close(work)
			for p, err := range pages {
				if err != nil {
					failed = err
					return
				}
				result := make(chan examined, 1)
				select {
				case order <- result:
				case <-ctx.Done():
					return
				}
				work <- func() { result <- examine(p, v) }
			}
		}()
		defer func() {
			stop()
			for range order { // until nobody reads pages any more
				continue
			}
		}()
		for result := range order {
			if !yield(<-result, nil) {
				return
			}
		}
		if failed != nil {
			yield(examined{}, failed)
		}
	}
}

// chain checks that the logs of a series follow one another, and that every line that
// is gone was pruned.
func (v *verification) chain(logs []string) {
	for _, log := range logs {
		h, whole := v.last[log]
		if !whole || h.next == "" {
			continue
		}
		if !slices.Contains(logs, h.next) {
			v.found(PageRow(h.next, 0), "missing, though "+log+" was closed and names it as the next")
		}
	}
	for _, e := range v.opens {
		v.checkOpen(e, logs)
	}
	for _, p := range v.pruned {
		h, whole := v.last[p.log]
		if whole && !slices.Contains(v.prunes, h.at().String()) {
			v.found(PageRow(p.log, p.page), "its lines are gone, and no PRUNE that was read says that they were removed")
		}
	}
}

// checkOpen checks what the first entry of a log says of the log before it.
func (v *verification) checkOpen(e Entry, logs []string) {
	row := EntryRow(e.Log, 0)
	before := ""
	for _, log := range logs {
		if SeriesOf(log) == SeriesOf(e.Log) && log < e.Log {
			before = max(before, log)
		}
	}
	switch c, err := parseCommitment(e.Checkpoint); {
	case err != nil && e.Log == SeriesOf(e.Log):
	case err != nil:
		v.found(row, "it commits to no log before its own")
	case !slices.Contains(logs, c.log):
		v.found(PageRow(c.log, 0), "missing, though "+e.Log+" was opened after it")
	case c.log != before:
		v.found(row, "it commits to another log than the one before its own")
	default:
		h, whole := v.last[c.log]
		if whole && (h.next != e.Log || h.at() != c) {
			v.found(row, "it does not commit to the log that was closed before it")
		}
	}
}
