package audit

import (
	"context"
	"errors"
	"fmt"
)

// verification is one run over some logs: of Verify, of Export, or before pruning.
type verification struct {
	report   *Report
	store    PageReader
	key      VerifierKey
	progress func(done, total int64)
	verified func(Page) error // called with each page once it is verified, in order; nil for none
	done     int64
	total    int64

	kept   []keptTree
	from   []keptTree
	last   map[string]head // of each log that is whole
	opens  []Entry         // the first entry of each log that was read from its beginning
	prunes []string        // the checkpoints that PRUNE entries name
	pruned []prunedPage    // the first pruned page of each log that has one
}

// newVerification returns a verification that looks at no kept checkpoints.
func newVerification(s PageReader, key VerifierKey) *verification {
	return &verification{report: &Report{}, store: s, key: key, last: map[string]head{}}
}

type prunedPage struct {
	log    string
	number int64
}

// run verifies the logs, and then how they are bound to each other.
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

// verifyLog verifies one log and adds its report. An error means that the log could not be read.
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

// walk verifies the pages of a log in order, and fills in its report as far as it came. The error
// is a *RowError if the log is not what was written.
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
	kept := treesOf(v.kept, l.Log, h.size) // the pages of smaller trees are not read
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
		if err := v.accept(l, x); err != nil {
			return err
		}
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

// accept counts a verified page, and remembers what its entries say about other logs.
func (v *verification) accept(l *LogReport, x examined) error {
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
			v.pruned = append(v.pruned, prunedPage{l.Log, x.page.Number})
		}
		l.Pruned += int64(len(x.leaves) - len(x.entries))
	}
	v.done += int64(len(x.leaves))
	if v.progress != nil {
		v.progress(v.done, max(v.done, v.total))
	}
	if v.verified != nil {
		return v.verified(x.page)
	}
	return nil
}
