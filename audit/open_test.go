package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// TestOpenOnBrokenLastPage changes every part of a log's last page, as
// TestMemTampered does: nothing may be built on it.
func TestOpenOnBrokenLastPage(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		m := &tamperedMem{audit.NewMem(), leaves}
		l := newLedger(t, m, 1)
		mustAppend(t, l, newEntry(1))
		mustAppend(t, l, newEntry(2), newEntry(3))
		mustClose(t, l)
		last := m.RawPages("piinguin-1")[2]
		for _, c := range append(append(m.byteTamperings(last, 2), m.lineTamperings(last, 2)...), m.checkpointTamperings(last, 2)...) {
			c.Apply(t)
			var row *audit.RowError
			_, err := audit.Open(t.Context(), audit.Config{Store: m, Key: newKey(t, 1)})
			if !errors.As(err, &row) || row.Row != c.Row {
				t.Errorf("%s: Open: %v, want a *RowError of %s", c.Name, err, c.Row)
			}
			c.Undo(t)
		}
		mustClose(t, newLedger(t, m, 1))
		mustBeWhole(t, m)
	}
}

// TestOpenOnBrokenLog breaks what the last page builds on.
func TestOpenOnBrokenLog(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages("piinguin-1")
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
		"page before the last lost": {append(pages[:end-2:end-2], pages[end-1]), audit.PageRow("piinguin-1", int64(end-2))},
		"last page renumbered":      {append(pages[:end-1:end-1], renumbered), audit.PageRow("piinguin-1", int64(end+1))},
		"edge of the root alone":    {append(pages[:end-2:end-2], rooted, pages[end-1]), audit.PageRow("piinguin-1", int64(end-2))},
		"only the last left":        {pages[end-1:], audit.PageRow("piinguin-1", int64(end-2))},
	} {
		m.SetRawPages("piinguin-1", c.pages)
		var row *audit.RowError
		_, err := audit.Open(t.Context(), audit.Config{Store: m, Key: newKey(t, 1)})
		if !errors.As(err, &row) || row.Row != c.row {
			t.Errorf("%s: Open: %v, want a *RowError of %s", name, err, c.row)
		}
	}
}

// TestOpenWithAnotherKey holds also where the kept key was lost: what is signed
// tells.
func TestOpenWithAnotherKey(t *testing.T) {
	m := newFilled(t, 1)
	other := audit.Config{Store: m, Key: newKey(t, 2)}
	if _, err := audit.Open(t.Context(), other); !errors.Is(err, audit.ErrOtherKey) {
		t.Errorf("Open: %v, want ErrOtherKey", err)
	}
	m.SetRawKey("")
	var row *audit.RowError
	if _, err := audit.Open(t.Context(), other); !errors.As(err, &row) {
		t.Errorf("Open: %v, want a *RowError", err)
	}
}

// failingStore fails one method.
type failingStore struct {
	*audit.Mem
	method string
}

func (s *failingStore) fail(method string) error {
	if s.method == method {
		return errEngine
	}
	return nil
}

func (s *failingStore) Register(ctx context.Context, log string) error {
	if err := s.fail("Register"); err != nil {
		return err
	}
	return s.Mem.Register(ctx, log)
}

func (s *failingStore) KeepVerifierKey(ctx context.Context, key string) (string, error) {
	if err := s.fail("KeepVerifierKey"); err != nil {
		return "", err
	}
	return s.Mem.KeepVerifierKey(ctx, key)
}

func (s *failingStore) VerifierKey(ctx context.Context) (string, error) {
	if err := s.fail("VerifierKey"); err != nil {
		return "", err
	}
	return s.Mem.VerifierKey(ctx)
}

func (s *failingStore) Last(ctx context.Context, log string) (audit.Page, error) {
	if err := s.fail("Last"); err != nil {
		return audit.Page{}, err
	}
	return s.Mem.Last(ctx, log)
}

func (s *failingStore) Logs(ctx context.Context) ([]string, error) {
	if err := s.fail("Logs"); err != nil {
		return nil, err
	}
	return s.Mem.Logs(ctx)
}

func (s *failingStore) Audit(ctx context.Context, found func(*audit.RowError)) ([]string, error) {
	if err := s.fail("Audit"); err != nil {
		return nil, err
	}
	return s.Mem.Audit(ctx, found)
}

// TestOpenOnFailingStore holds that a store that does not answer is not taken for
// one that is empty.
func TestOpenOnFailingStore(t *testing.T) {
	for _, method := range []string{"KeepVerifierKey", "Logs", "Last", "Register"} {
		synctest.Test(t, func(t *testing.T) { // some are tried for a while
			m := newFilled(t, 1)
			before := m.RawPages("piinguin-1")
			now := func() time.Time { return time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC) }
			_, err := audit.Open(t.Context(), audit.Config{Store: &failingStore{m, method}, Key: newKey(t, 1), Now: now})
			if !errors.Is(err, errEngine) || !strings.HasPrefix(err.Error(), "audit: ") {
				t.Errorf("%s fails: Open: %v", method, err)
			}
			if diff := cmp.Diff(before, m.RawPages("piinguin-1"), cmpopts.IgnoreUnexported(audit.Page{})); diff != "" {
				t.Errorf("%s fails: the log changed (-want +got):\n%s", method, diff)
			}
		})
	}
}

// lastOf is a store whose Last tells of a page that Pages does not yield.
type lastOf struct {
	*audit.Mem
	page audit.Page
}

func (s lastOf) Last(context.Context, string) (audit.Page, error) { return s.page, nil }

func TestOpenOnStoreThatContradictsItself(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages("piinguin-1")
	end := len(pages)
	m.SetRawPages("piinguin-1", pages[:end-1])
	var row *audit.RowError
	_, err := audit.Open(t.Context(), audit.Config{Store: lastOf{m, pages[end-1]}, Key: newKey(t, 1)})
	if !errors.As(err, &row) || row.Row != audit.PageRow("piinguin-1", int64(end-1)) {
		t.Errorf("Open: %v, want a *RowError of the last page", err)
	}
}
