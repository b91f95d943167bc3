package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrPruned says that pruning removed lines of the log, so that its lines cannot be exported from its
// beginning.
var ErrPruned = errors.New("audit: the first entries of the log were pruned: it can be exported from a later one")

// Export verifies one log from its beginning, and writes the lines of its entries from the index
// from on, one a line. It returns the log's report, whose Checkpoint signs exactly the lines
// written and those before from. A line is written once its page is verified, but a later page may
// still prove the log wrong: after an error, what was written must not be used.
//
// The error is a *RowError if the log is not what was written. It is ErrPruned, with a valid
// report, if lines from the index on were pruned. ErrNotFound: the log ends before from.
//
// Memory does not grow with the log. Of a log that grows meanwhile the export holds what was there
// at some moment of the call. name and key are the
// ledger's first ones.
func Export(ctx context.Context, s Reader, name string, key VerifierKey, log LogID, from int64, w io.Writer) (LogReport, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	v := newVerification(s, VerifyOptions{Name: name})
	v.turns = turning{[]string{name}, []VerifierKey{key}}
	v.lines = func(p Page) error { return writeLines(out, p, from) }
	if err := v.single(ctx, log); err != nil {
		return LogReport{Log: log}, fmt.Errorf("audit: export: %w", err)
	}
	l := v.report.Logs[0]
	switch {
	case !l.Whole:
		return l, v.report.Findings[0]
	case l.Pruned > from:
		return l, ErrPruned
	case from > l.Size:
		return l, ErrNotFound
	}
	if err := out.Flush(); err != nil {
		return l, fmt.Errorf("audit: export log %s: %w", log, err)
	}
	return l, nil
}

// writeLines writes the page's lines from an index on.
func writeLines(out *bufio.Writer, p Page, from int64) error {
	for i, line := range p.Lines {
		if p.First+int64(i) < from {
			continue
		}
		_, err := out.Write(line)
		if err = errors.Join(err, out.WriteByte('\n')); err != nil {
			return err
		}
	}
	return nil
}
