package audit_test

import (
	"errors"
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
