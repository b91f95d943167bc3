package audit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// TestTurnsWithoutAPageBetween turns the key and the name of a ledger several times while no server runs.
func TestTurnsWithoutAPageBetween(t *testing.T) {
	m := newFilled(t, 2)
	now := func() time.Time { return time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC) }
	for seed := byte(1); seed < 4; seed++ {
		if err := audit.Rotate(t.Context(), m, newKey(t, seed), newKey(t, seed+1), now); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"vault.example.com/b", "vault.example.com/c"} {
		if err := audit.Restart(t.Context(), m, newKey(t, 4), name, nil, now); err != nil {
			t.Fatal(err)
		}
	}
	for _, had := range []string{ledgerName, "vault.example.com/b"} { // its origins have signed other trees
		if err := audit.Restart(t.Context(), m, newKey(t, 4), had, nil, now); err == nil {
			t.Errorf("Restart under the name %s, which the ledger had", had)
		}
	}
	first := newKey(t, 1).Verifier()
	r := mustVerify(t, m, &first)
	if len(r.Findings) > 0 || r.Keys != 4 || r.Name != "vault.example.com/c" {
		t.Errorf("report: %+v", r)
	}
	c := config(t, m)
	c.Key, c.Name, c.Logs = newKey(t, 4), r.Name, 2
	l := open(t, c)
	mustAppend(t, l, newEntry(1))
	mustClose(t, l)
}

// TestOpenAfterARotation opens a ledger whose newest page is the one of a KEY.
func TestOpenAfterARotation(t *testing.T) {
	m := newFilled(t, 1)
	if err := audit.Rotate(t.Context(), m, newKey(t, 1), newKey(t, 2), time.Now); err != nil {
		t.Fatal(err)
	}
	for seed, want := range map[byte]error{1: audit.ErrRotated, 3: audit.ErrOtherKey, 2: nil} {
		c := config(t, m)
		c.Key = newKey(t, seed)
		l, err := audit.Open(t.Context(), c)
		if !errors.Is(err, want) || seed == 3 && errors.Is(err, audit.ErrRotated) {
			t.Errorf("Open with key %d: %v, want %v", seed, err, want)
		}
		if err == nil {
			mustClose(t, l)
		}
	}
}

// TestTurnUponAnInterruptedOne turns the key or the name again where the turn before was interrupted after the
// spine. It changes nothing before that one is completed.
func TestTurnUponAnInterruptedOne(t *testing.T) {
	type turn func(ctx context.Context, s audit.Store, from, to byte) error
	name := func(n byte) string { return "vault.example.com/" + string('a'+n) }
	for kind, run := range map[string]turn{
		"Rotate": func(ctx context.Context, s audit.Store, from, to byte) error {
			return audit.Rotate(ctx, s, newKey(t, from), newKey(t, to), time.Now)
		},
		"Restart": func(ctx context.Context, s audit.Store, _, to byte) error {
			return audit.Restart(ctx, s, newKey(t, 1), name(to), nil, time.Now)
		},
	} {
		t.Run(kind, func(t *testing.T) {
			m := newFilled(t, 2)
			ctx, cancel := context.WithCancel(t.Context())
			h := newHooked(m)
			h.before(func(ctx context.Context, p audit.Page) error {
				if p.Log == audit.Spine {
					return nil
				}
				cancel()
				return ctx.Err()
			})
			if err := run(ctx, h, 1, 2); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "log 2") {
				t.Fatalf("interrupted: %v", err)
			}
			before := sizes(t, m)
			if err := run(t.Context(), m, 2, 3); err == nil || !strings.Contains(err.Error(), "interrupted") || !strings.Contains(err.Error(), "log 1") {
				t.Errorf("the next turn upon it: %v", err)
			}
			if after := sizes(t, m); !slices.Equal(after, before) {
				t.Errorf("the refused turn changed the logs: %v, before %v", after, before)
			}
			if err := errors.Join(run(t.Context(), m, 1, 2), run(t.Context(), m, 2, 3)); err != nil {
				t.Fatal(err)
			}
			own := newKey(t, 1).Verifier()
			if r := mustVerify(t, m, &own); len(r.Findings) > 0 {
				t.Errorf("findings: %v", r.Findings)
			}
		})
	}
}

// TestRotateBesideABrokenLog: a key that somebody else may have goes, whatever was done to one log. When that
// log is restored, a rotation from its key to the newest one completes it.
func TestRotateBesideABrokenLog(t *testing.T) {
	for name, change := range map[string]func(pages []audit.Page) []audit.Page{
		"gone": func([]audit.Page) []audit.Page { return nil },
		"changed": func(pages []audit.Page) []audit.Page {
			last := clonePage(pages[len(pages)-1])
			last.Lines[0] = append(last.Lines[0], ' ')
			return append(slices.Clone(pages[:len(pages)-1]), last)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newFilled(t, 2)
			was, before := m.RawPages(1), sizes(t, m)
			m.SetRawPages(1, change(was))
			for _, keys := range [][2]byte{{1, 2}, {1, 2}, {2, 3}} {
				var row *audit.RowError
				err := audit.Rotate(t.Context(), m, newKey(t, keys[0]), newKey(t, keys[1]), time.Now)
				if !errors.As(err, &row) || !strings.HasPrefix(row.Row, "page 1/") {
					t.Fatalf("Rotate: %v, want a row of log 1", err)
				}
			}
			m.SetRawPages(1, was)
			if after := sizes(t, m); !slices.Equal(after, []int64{before[0] + 2, before[1], before[2] + 2}) {
				t.Errorf("the logs have %v entries, and had %v", after, before)
			}
			if err := audit.Rotate(t.Context(), m, newKey(t, 1), newKey(t, 3), time.Now); err != nil {
				t.Fatal(err)
			}
			own := newKey(t, 1).Verifier()
			if r := mustVerify(t, m, &own); len(r.Findings) > 0 || r.Keys != 3 {
				t.Errorf("%d keys, findings: %v", r.Keys, r.Findings)
			}
		})
	}
}

// sizes returns how many entries the logs have, the spine's first.
func sizes(t *testing.T, s audit.Store) (all []int64) {
	t.Helper()
	for log := audit.Spine; log <= 2; log++ {
		last, err := s.Last(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, last.Size())
	}
	return all
}
