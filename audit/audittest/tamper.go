package audittest

import (
	"slices"
	"testing"
	"time"

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

// Tamper fills a store with logs of several pages, of which one was pruned, applies each tampering
// alone, and expects that audit.Verify names its row: with the key from the store, and with the reviewer's own key
// and a kept file.
func Tamper(t *testing.T, open func(t *testing.T) Tamperable) {
	s := open(t)
	fillToTamper(t, s)
	tamperings := s.Tamperings(t)
	if len(tamperings) == 0 {
		t.Fatal("no tamperings")
	}
	check := newFinder(t, s)
	failed := 0
	for i, c := range tamperings {
		c.Apply(t)
		ok := check.mustFind(t, c)
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

// fillToTamper writes a log that begins with a stub, one that does not, and a spine that has each
// operation of its own.
func fillToTamper(t *testing.T, s audit.Store) {
	t.Helper()
	clock := newHandClock(2026, time.October, 1)
	l := newLedgerAt(t, s, clock, 1)
	mustAppend(t, l, newEntry(0))
	clock.add(time.Hour)
	mustAppend(t, l, newEntry(1))
	by := pruner
	by.Reference = "case 1"
	for _, by.Operation = range []audit.Operation{audit.Held, audit.Released} {
		if _, err := l.Hold(t.Context(), by); err != nil {
			t.Fatalf("Hold: %v", err)
		}
	}
	clock.add(2 * time.Hour)
	mustPrune(t, l, s, clock.now().Add(-2*time.Hour), audit.PrunedLog{Log: 1, Entries: 2, Until: clock.now().Add(-3 * time.Hour).UTC()})
	closeLedger(t, l)
	l = newLedgerAt(t, s, clock, 2)
	for _, n := range []int{1, 3} {
		mustAppend(t, l, batch(100*n, n)...)
		mustAppend(t, l, batch(100*n+50, n)...)
	}
	closeLedger(t, l)
	mustHaveSizes(t, s, sizes{0: 8, 1: 7, 2: 5})
}

// finder looks for the row of a tampering.
type finder struct {
	store   audit.Store
	options []audit.VerifyOptions // with each of which it is found
}

func newFinder(t *testing.T, s audit.Store) finder {
	t.Helper()
	data, _, err := audit.Keep(t.Context(), s)
	if err != nil {
		t.Fatalf("Keep: %v", err)
	}
	key := newKey(t, 1).Verifier()
	kept := func(yield func(audit.KeptFile, error) bool) { yield(audit.KeptFile{Name: "kept", Data: data}, nil) }
	return finder{s, []audit.VerifyOptions{{}, {Key: &key, Name: ledgerName, Kept: kept}}}
}

// newBlobFinder is newFinder for what is derived from pages, and takes half as long: whatever Verify is told, it
// compares all of that in the same way.
func newBlobFinder(t *testing.T, s audit.Store) finder {
	t.Helper()
	f := newFinder(t, s)
	f.options = f.options[1:]
	return f
}

func (f finder) mustFind(t *testing.T, c Tampering) bool {
	t.Helper()
	ok := true
	for _, o := range f.options {
		r, err := audit.Verify(t.Context(), f.store, o)
		switch {
		case err != nil:
			t.Errorf("%s: Verify: %v, want a finding", c.Name, err)
		case len(r.Findings) == 0:
			t.Errorf("%s: no finding, want %s", c.Name, c.Row)
		case !slices.ContainsFunc(r.Findings, func(f *audit.RowError) bool { return f.Row == c.Row }):
			t.Errorf("%s: findings %v, want %s", c.Name, r.Findings, c.Row)
		default:
			continue
		}
		ok = false
	}
	return ok
}
