package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// TestOpenOnBrokenLastPage changes every part of a log's last page, as
// TestMemTampered does: nothing may be built on it.
func TestOpenOnBrokenLastPage(t *testing.T) {
	m := &tamperedMem{audit.NewMem()}
	l := newLedger(t, m, 1)
	mustAppend(t, l, newEntry(1))
	mustAppend(t, l, newEntry(2), newEntry(3))
	mustClose(t, l)
	for _, log := range []audit.LogID{audit.Spine, 1} {
		end := len(m.RawPages(log)) - 1
		last := m.RawPages(log)[end]
		for _, c := range append(append(m.byteTamperings(last, end), m.lineTamperings(last, end)...), m.checkpointTamperings(last, end)...) {
			c.Apply(t)
			var row *audit.RowError
			_, err := audit.Open(t.Context(), config(t, m))
			if named := errors.Is(err, audit.ErrOtherName) && log == audit.Spine; !named && (!errors.As(err, &row) || row.Row != c.Row) {
				t.Errorf("%s: Open: %v, want a *RowError of %s", c.Name, err, c.Row)
			}
			c.Undo(t)
		}
	}
	mustClose(t, newLedger(t, m, 1))
	mustBeWhole(t, m)
}

// TestOpenOnBrokenLog breaks what the last page builds on.
func TestOpenOnBrokenLog(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages(1)
	end := len(pages)
	renumbered := clonePage(pages[end-1])
	renumbered.Number += 3
	rooted := clonePage(pages[end-2]) // of seven entries, so that its edge is longer
	rooted.Edge = rooted.Edge[:1]
	rooted.Edge[0] = rooted.Root
	for name, c := range map[string]struct {
		pages []audit.Page
		row   string
	}{
		"page before the last lost": {append(pages[:end-2:end-2], pages[end-1]), audit.PageRow(1, int64(end-2))},
		"last page renumbered":      {append(pages[:end-1:end-1], renumbered), audit.PageRow(1, int64(end+1))},
		"edge of the root alone":    {append(pages[:end-2:end-2], rooted, pages[end-1]), audit.PageRow(1, int64(end-2))},
		"only the last left":        {pages[end-1:], audit.PageRow(1, int64(end-2))},
	} {
		m.SetRawPages(1, c.pages)
		var row *audit.RowError
		_, err := audit.Open(t.Context(), config(t, m))
		if !errors.As(err, &row) || row.Row != c.row {
			t.Errorf("%s: Open: %v, want a *RowError of %s", name, err, c.row)
		}
	}
}

// TestOpenWithAnotherKey holds also where the kept key was lost: what is signed
// tells.
func TestOpenWithAnotherKey(t *testing.T) {
	m := newFilled(t, 1)
	other := config(t, m)
	other.Key = newKey(t, 2)
	if _, err := audit.Open(t.Context(), other); !errors.Is(err, audit.ErrOtherKey) {
		t.Errorf("Open: %v, want ErrOtherKey", err)
	}
	m.SetRawKey("")
	var row *audit.RowError
	if _, err := audit.Open(t.Context(), other); !errors.As(err, &row) {
		t.Errorf("Open: %v, want a *RowError", err)
	}
}

// failing returns a store that fails an operation.
func failing(s audit.Store, op string) audit.Store {
	return audittest.NewFaulty(s, func(called string, _ int) (f audittest.Fault) {
		if called == op {
			f.Err = errEngine
		}
		return f
	})
}

// TestOpenOnFailingStore holds that a store that does not answer is not taken for one that is empty.
func TestOpenOnFailingStore(t *testing.T) {
	for _, op := range []string{audittest.VerifierKey, audittest.Last, audittest.Pages, audittest.Commit} {
		synctest.Test(t, func(t *testing.T) { // some are tried for a while
			m := newFilled(t, 1)
			c := config(t, failing(m, op))
			c.Logs = 2 // of which one is new
			_, err := audit.Open(t.Context(), c)
			if !errors.Is(err, errEngine) || !strings.HasPrefix(err.Error(), "audit: ") {
				t.Errorf("%s fails: Open: %v", op, err)
			}
			mustBeWhole(t, m)
			if pages := m.RawPages(2); len(pages) > 0 {
				t.Errorf("%s fails: log 2 has %d pages", op, len(pages))
			}
		})
	}
}

// lastOf is a store whose Last tells of a page that Pages does not yield.
type lastOf struct {
	*audit.Mem
	page audit.Page
}

func (s lastOf) Last(ctx context.Context, log audit.LogID) (audit.Page, error) {
	if log != s.page.Log {
		return s.Mem.Last(ctx, log)
	}
	return s.page, nil
}

func TestOpenOnStoreThatContradictsItself(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages(1)
	end := len(pages)
	m.SetRawPages(1, pages[:end-1])
	var row *audit.RowError
	_, err := audit.Open(t.Context(), config(t, lastOf{m, pages[end-1]}))
	if !errors.As(err, &row) || row.Row != audit.PageRow(1, int64(end-1)) {
		t.Errorf("Open: %v, want a *RowError of the last page", err)
	}
}

// TestOpenOnAListedLogThatIsGone: a log of which the spine lists the OPEN alone is not begun again when its
// page is gone.
func TestOpenOnAListedLogThatIsGone(t *testing.T) {
	m := audit.NewMem()
	mustClose(t, newLedger(t, m, 1))
	m.SetRawPages(1, nil)
	var row *audit.RowError
	if _, err := audit.Open(t.Context(), config(t, m)); !errors.As(err, &row) || row.Row != audit.PageRow(1, 0) {
		t.Errorf("Open: %v, want a *RowError of the first page", err)
	}
	if left := m.RawPages(1); len(left) > 0 {
		t.Errorf("%d pages were begun anew", len(left))
	}
}
