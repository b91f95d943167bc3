package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrPruned says that pruning removed lines of the log, so that its lines cannot be exported.
var ErrPruned = errors.New("audit: the log's entries were pruned: only its checkpoint can be exported")

// Export verifies one log from its beginning, and writes the lines of its entries from the index
// from on, one a line. It returns the log's report, whose Checkpoint signs exactly the lines
// written and those before from. A line is written once its page is verified, but a later page may
// still prove the log wrong: after an error, what was written must not be used.
//
// The error is a *RowError if the log is not what was written. It is ErrPruned, with a valid
// report, if lines of the log were pruned. ErrNotFound: the log ends before from.
//
// Memory does not grow with the log. Of a log that grows meanwhile the export holds what was there
// at some moment of the call.
func Export(ctx context.Context, s PageReader, key VerifierKey, log string, from int64, w io.Writer) (LogReport, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	v := newVerification(s, key)
	v.verified = func(p Page) error { return writeLines(out, p, from) }
	l := LogReport{Log: log}
	var row *RowError
	switch err := v.walk(ctx, &l); {
	case errors.As(err, &row):
		return l, row
	case err != nil:
		return l, fmt.Errorf("audit: export %s: %w", log, err)
	}
	l.Whole = true
	switch {
	case l.Pruned > 0:
		return l, ErrPruned
	case from > l.Size:
		return l, ErrNotFound
	}
	if err := out.Flush(); err != nil {
		return l, fmt.Errorf("audit: export %s: %w", log, err)
	}
	return l, nil
}

// writeLines writes the page's lines from an index on. It leaves out the lines that were pruned,
// which the report counts.
func writeLines(out *bufio.Writer, p Page, from int64) error {
	for i, line := range p.Lines {
		if p.First+int64(i) < from || line == nil {
			continue
		}
		_, err := out.Write(line)
		if err = errors.Join(err, out.WriteByte('\n')); err != nil {
			return err
		}
	}
	return nil
}
