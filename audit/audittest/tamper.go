package audittest

import (
	"slices"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// Tamperable is a store whose rows a test can change behind its driver's back.
type Tamperable interface {
	audit.Store
	// Tamperings returns changes of what is stored now: for each row a change of each of its
	// parts, its loss, a copy of it, and an exchange with the next row. Each is applied alone.
	Tamperings(t *testing.T) []Tampering
}

// Tampering is one change that audit.Verify has to find.
type Tampering struct {
	Name  string
	Row   string // the row of the finding, as audit.PageRow and the like name it
	Apply func(t *testing.T)
	Undo  func(t *testing.T) // restores what was stored before Apply
}

const (
	wholeEvery  = 50 // tamperings, after which the ledger is verified to be whole again
	faultsShown = 20 // reports, after which the suite stops
)

// Tamper fills a store with logs of several pages, applies each tampering alone, and expects that
// audit.Verify names its row. It verifies with the key from the store and with the reviewer's own
// key; the latter cannot show that the stored key was changed.
func Tamper(t *testing.T, open func(t *testing.T) Tamperable) {
	s := open(t)
	l := newLedger(t, s, 2)
	for _, n := range []int{1, 3} {
		mustAppend(t, l, batch(100*n, n)...)
		mustAppend(t, l, batch(100*n+50, n)...)
	}
	mustHaveSizes(t, s, map[string]int64{"piinguin-1": 5, "piinguin-2": 5})
	tamperings := s.Tamperings(t)
	if len(tamperings) == 0 {
		t.Fatal("no tamperings")
	}
	given := newKey(t, 1).Verifier()
	failed := 0
	for i, c := range tamperings {
		c.Apply(t)
		ok := mustFind(t, s, c, nil)
		if c.Row != audit.KeyRow {
			ok = mustFind(t, s, c, &given) && ok
		}
		c.Undo(t)
		if !ok {
			failed++
		}
		if failed == faultsShown {
			t.Fatal("and perhaps more")
		}
		if i%wholeEvery == wholeEvery-1 || i == len(tamperings)-1 {
			mustBeWhole(t, s)
		}
	}
	t.Logf("%d tamperings", len(tamperings))
}

func mustFind(t *testing.T, s audit.Store, c Tampering, key *audit.VerifierKey) bool {
	t.Helper()
	r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Key: key})
	switch {
	case err != nil:
		t.Errorf("%s: Verify: %v, want a finding", c.Name, err)
	case len(r.Findings) == 0:
		t.Errorf("%s: no finding, want %s", c.Name, c.Row)
	case !slices.ContainsFunc(r.Findings, func(f *audit.RowError) bool { return f.Row == c.Row }):
		t.Errorf("%s: findings %v, want %s", c.Name, r.Findings, c.Row)
	default:
		return true
	}
	return false
}

// TamperTiles is Tamper for a log that has full tiles. The log has 600 entries and so two tiles: a
// log with a tile of the next level, of 65,536 entries, would take too long.
func TamperTiles(t *testing.T, open func(t *testing.T) Tamperable, tileTamperings func(t *testing.T, s Tamperable) []Tampering) {
	s := open(t)
	l := newLedger(t, s, 1)
	mustAppend(t, l, batch(0, 600)...)
	mustHaveSizes(t, s, map[string]int64{"piinguin-1": 601})
	tamperings := tileTamperings(t, s)
	if len(tamperings) == 0 {
		t.Fatal("no tamperings")
	}
	for _, c := range tamperings {
		c.Apply(t)
		mustFind(t, s, c, nil)
		c.Undo(t)
		mustBeWhole(t, s)
	}
}
