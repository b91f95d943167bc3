package audit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// linesFrom returns the lines of a log from an index on, as an export has them.
func linesFrom(m *audit.Mem, log audit.LogID, from int64) string {
	var lines bytes.Buffer
	for _, p := range m.RawPages(log) {
		for i, line := range p.Lines {
			if p.First+int64(i) >= from {
				lines.Write(append(append([]byte(nil), line...), '\n'))
			}
		}
	}
	return lines.String()
}

func TestExport(t *testing.T) {
	m := newFilled(t, 2)
	key := newKey(t, 1).Verifier()
	for _, from := range []int64{0, 1, 4, 8, 9} {
		var out bytes.Buffer
		l, err := audit.Export(t.Context(), m, ledgerName, key, 2, from, &out)
		if err != nil {
			t.Fatalf("Export from %d: %v", from, err)
		}
		if diff := cmp.Diff(linesFrom(m, 2, from), out.String()); diff != "" {
			t.Errorf("Export from %d (-want +got):\n%s", from, diff)
		}
		pages := m.RawPages(2)
		if last := pages[len(pages)-1]; !l.Whole || l.Size != 9 || l.Checkpoint != string(last.Checkpoint) || l.Root != last.Root {
			t.Errorf("Export from %d: the report is %+v", from, l)
		}
	}
	var out bytes.Buffer
	if _, err := audit.Export(t.Context(), m, ledgerName, key, 2, 10, &out); !errors.Is(err, audit.ErrNotFound) || out.Len() > 0 {
		t.Errorf("Export past the end: %v, %d bytes; want ErrNotFound and none", err, out.Len())
	}
}

// newLongLines returns a store with a log that is larger than what an export buffers.
func newLongLines(t *testing.T) *audit.Mem {
	t.Helper()
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	for n := range 6 {
		entries := make([]audit.Entry, 60)
		for i := range entries {
			entries[i] = newEntry(100*n + i)
			entries[i].Purpose = strings.Repeat("p", 512)
		}
		mustAppend(t, l, entries...)
	}
	mustClose(t, l)
	return m
}

// TestExportOfATamperedLog holds that the error names the row, and that nothing is written from the
// broken page on.
func TestExportOfATamperedLog(t *testing.T) {
	m := newLongLines(t)
	pages := m.RawPages(1)
	whole, written := linesFrom(m, 1, 0), 0
	for at := range pages {
		changed := slices.Clone(pages)
		changed[at] = clonePage(pages[at])
		changed[at].Lines[0][20] ^= 1
		m.SetRawPages(1, changed)
		var out bytes.Buffer
		var row *audit.RowError
		l, err := audit.Export(t.Context(), m, ledgerName, newKey(t, 1).Verifier(), 1, 0, &out)
		if want := audit.PageRow(1, int64(at)); !errors.As(err, &row) || row.Row != want || l.Whole {
			t.Errorf("page %d was changed: Export: %v, want %s", at, err, want)
		}
		before := len(whole) - len(linesFrom(m, 1, pages[at].First))
		if !strings.HasPrefix(whole, out.String()) || out.Len() > before {
			t.Errorf("page %d was changed: Export wrote %d bytes, want the first of %d", at, out.Len(), before)
		}
		written += out.Len()
	}
	if written == 0 {
		t.Error("nothing was ever written, so the test shows nothing")
	}
	m.SetRawPages(1, pages)
	var row *audit.RowError
	if _, err := audit.Export(t.Context(), m, ledgerName, newKey(t, 2).Verifier(), 1, 0, io.Discard); !errors.As(err, &row) {
		t.Errorf("Export with another key: %v, want a *RowError", err)
	}
}

// endless is a log whose first page comes again and again in place of the next ones.
type endless struct {
	*audit.Mem
	read int
}

func (s *endless) Pages(ctx context.Context, log audit.LogID, _ int64) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		for p, err := range s.Mem.Pages(ctx, log, 0) {
			for s.read++; yield(p, err); s.read++ {
				continue
			}
			return
		}
	}
}

func TestExportEnds(t *testing.T) {
	s := &endless{Mem: newFilled(t, 1)}
	var row *audit.RowError
	if _, err := audit.Export(t.Context(), s, ledgerName, newKey(t, 1).Verifier(), 1, 0, io.Discard); !errors.As(err, &row) || s.read > 1000 {
		t.Errorf("Export: %v after %d pages, want a *RowError soon", err, s.read)
	}
}

var errWriter = errors.New("disk full")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errWriter }

func TestExportToAFullDisk(t *testing.T) {
	m := newFilled(t, 1)
	if _, err := audit.Export(t.Context(), m, ledgerName, newKey(t, 1).Verifier(), 1, 0, fullWriter{}); !errors.Is(err, errWriter) {
		t.Errorf("Export: %v, want the writer's error", err)
	}
}

// TestExportOfAPrunedLog holds that the checkpoint of a pruned log can still be had.
func TestExportOfAPrunedLog(t *testing.T) {
	m := audit.NewMem()
	now := time.Date(2026, time.October, 1, 0, 0, 0, 0, time.UTC)
	l := openAt(t, m, &now)
	mustAppend(t, l, newEntry(1))
	mustAppend(t, l, newEntry(2))
	mustClose(t, l)
	now = now.AddDate(0, 2, 0)
	l = openAt(t, m, &now)
	if _, err := l.Prune(t.Context(), m, now, audit.Entry{Caller: "operator", RequestID: "r"}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	got, err := audit.Export(t.Context(), m, ledgerName, newKey(t, 1).Verifier(), 1, 0, io.Discard)
	if !errors.Is(err, audit.ErrPruned) || !got.Whole || got.Pruned != 2 || got.Checkpoint == "" {
		t.Errorf("Export: %v, %+v; want ErrPruned and the report", err, got)
	}
}
