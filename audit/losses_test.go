package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// loss is something that somebody who has the ledger's key does to its rows.
type loss struct {
	do func(t *testing.T, m *audit.Mem)
	// what one kept file finds: with the spine as it was, with the spine gone, and with a spine that was
	// written anew for what is left
	kept, gone, anew []string
	// what is found without it, with the spine as it was
	alone []string
}

func losePages(log audit.LogID, from, to int) func(*testing.T, *audit.Mem) {
	return func(_ *testing.T, m *audit.Mem) { m.SetRawPages(log, slices.Delete(m.RawPages(log), from, to)) }
}

// rewrite writes the pages of a log from one on anew, signed with the ledger's key.
func rewrite(log audit.LogID, from int) func(*testing.T, *audit.Mem) {
	return func(t *testing.T, m *audit.Mem) {
		was := m.RawPages(log)
		pages := slices.Clone(was[:from])
		for i := range was[from:] {
			pages = append(pages, audit.ForgePage(newKey(t, 1), pages, newEntry(900+2*i), newEntry(901+2*i)))
		}
		m.SetRawPages(log, pages)
	}
}

// replace puts another store's rows in the place of all. Of nil there are none.
func replace(by *audit.Mem) func(*testing.T, *audit.Mem) {
	return func(t *testing.T, m *audit.Mem) {
		if by == nil {
			for log := range audit.LogID(4) {
				m.SetRawPages(log, nil)
			}
			m.SetRawKey("")
			return
		}
		for log := range audit.LogID(4) {
			m.SetRawPages(log, by.RawPages(log))
		}
		text, err := by.VerifierKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.SetRawKey(text)
	}
}

// writeSpineAnew writes a spine that lists what there is, signed with the ledger's key.
func writeSpineAnew(t *testing.T, m *audit.Mem) {
	t.Helper()
	if len(m.RawPages(audit.Spine)) == 0 {
		return
	}
	spine := m.RawPages(audit.Spine)[:1]
	var words []string
	for log := audit.LogID(1); log < 4; log++ {
		if pages := m.RawPages(log); len(pages) > 0 {
			last := pages[len(pages)-1]
			words = append(words, fmt.Sprintf("%s %d %s", log, last.Size(), last.Root))
		}
	}
	m.SetRawPages(audit.Spine, append(spine, audit.ForgePage(newKey(t, 1), spine, audit.Entry{
		Operation: audit.Checkpoint, Outcome: audit.Granted, Checkpoint: strings.Join(words, " "),
	})))
}

// TestOneKeptFileFinds holds that one kept file finds every loss, whatever was done to the spine, and
// names where it is. The package doc says what is not found without.
func TestOneKeptFileFinds(t *testing.T) {
	whole, kept, copies := newCopies(t)
	last := kept[len(kept)-1]
	another := audit.NewMem()
	c := config(t, another)
	c.Key, c.Name = newKey(t, 2), "vault.example.com/other"
	fill(t, open(t, c), 3)
	same := newFilled(t, 2)
	for name, c := range map[string]loss{
		"nothing": {
			do:    func(*testing.T, *audit.Mem) {},
			kept:  nil,
			gone:  []string{"page spine/0"},
			anew:  []string{"entry spine/2"},
			alone: nil,
		},
		"everything": {
			do:    replace(nil),
			kept:  []string{"ledger", "page spine/0", "entry 1/0", "entry 2/0", "entry 3/0"},
			gone:  []string{"ledger", "page spine/0", "entry 1/0", "entry 2/0", "entry 3/0"},
			alone: nil,
		},
		"a page": {
			do:    losePages(2, 2, 3),
			kept:  []string{"page 2/2"},
			gone:  []string{"page spine/0", "page 2/2"},
			anew:  []string{"entry spine/2", "page 2/2"},
			alone: []string{"page 2/2"},
		},
		"the last page of a log": {
			do:    losePages(2, 6, 7),
			kept:  []string{"entry 2/11"},
			gone:  []string{"page spine/0", "entry 2/11"},
			anew:  []string{"entry spine/2", "entry 2/11"},
			alone: []string{"entry 2/11"},
		},
		"all pages of a log but its OPEN": {
			do:    losePages(1, 1, 9),
			kept:  []string{"entry 1/1"},
			gone:  []string{"page spine/0", "entry 1/1"},
			anew:  []string{"entry spine/2", "entry 1/1"},
			alone: []string{"entry 1/1"},
		},
		"a whole log": {
			do:    losePages(2, 0, 7),
			kept:  []string{"entry 2/0"},
			gone:  []string{"page spine/0", "entry 2/0"},
			anew:  []string{"entry spine/2", "entry 2/0"},
			alone: []string{"entry 2/0"},
		},
		"the newest log": {
			do:    losePages(3, 0, 3),
			kept:  []string{"entry 3/0"},
			gone:  []string{"page spine/0", "entry 3/0"},
			anew:  []string{"entry spine/2", "entry 3/0"},
			alone: []string{"entry 3/0"},
		},
		"a log, forked": {
			do:    rewrite(2, 4),
			kept:  []string{"page 2/4"},
			gone:  []string{"page spine/0", "page 2/6"},
			anew:  []string{"entry spine/2", "page 2/6"},
			alone: []string{"page 2/4"},
		},
		"a log, rewritten": {
			do:    rewrite(1, 1),
			kept:  []string{"page 1/2"},
			gone:  []string{"page spine/0", "page 1/8"},
			anew:  []string{"entry spine/2", "page 1/8"},
			alone: []string{"page 1/2"},
		},
		"the last page of the spine": {
			do:    losePages(audit.Spine, 7, 8),
			kept:  []string{"entry spine/7"},
			gone:  []string{"page spine/0"},
			anew:  []string{"entry spine/2"},
			alone: nil,
		},
		"a page of the spine": {
			do:    losePages(audit.Spine, 5, 6),
			kept:  []string{"page spine/5"},
			gone:  []string{"page spine/0"},
			anew:  []string{"entry spine/2"},
			alone: []string{"page spine/5"},
		},
		"everything, by an older copy": {
			do:    replace(copies[1]),
			kept:  []string{"entry spine/5", "entry 1/9", "entry 2/5", "entry 3/0"},
			gone:  []string{"page spine/0", "entry 1/9", "entry 2/5", "entry 3/0"},
			anew:  []string{"entry spine/2", "entry 1/9", "entry 2/5", "entry 3/0"},
			alone: nil,
		},
		"everything, by another ledger": {
			do:    replace(another),
			kept:  []string{"ledger", "page spine/0", "page 1/0", "entry 2/0", "entry 3/0"},
			gone:  []string{"ledger", "page spine/0", "page 1/0", "entry 2/0", "entry 3/0"},
			anew:  nil,
			alone: []string{"ledger", "page spine/0", "page 1/0"},
		},
		"everything, written anew": {
			do:    replace(same),
			kept:  []string{"entry spine/4", "entry 1/9", "entry 2/9", "entry 3/0"},
			gone:  []string{"page spine/0", "entry 1/9", "entry 2/9", "entry 3/0"},
			anew:  []string{"entry spine/2", "entry 1/9", "entry 2/9", "entry 3/0"},
			alone: nil,
		},
	} {
		for variant, v := range map[string]struct {
			spine func(m *audit.Mem)
			want  []string
			kept  []audit.KeptFile
		}{
			"the spine as it was":    {func(*audit.Mem) {}, c.kept, []audit.KeptFile{last}},
			"the spine gone":         {func(m *audit.Mem) { m.SetRawPages(audit.Spine, nil) }, c.gone, []audit.KeptFile{last}},
			"the spine written anew": {func(m *audit.Mem) { writeSpineAnew(t, m) }, c.anew, []audit.KeptFile{last}},
			"without any kept file":  {func(*audit.Mem) {}, c.alone, nil},
		} {
			t.Run(name+", "+variant, func(t *testing.T) {
				m := copyOf(t, whole)
				c.do(t, m)
				text, _ := m.VerifierKey(t.Context())
				if strings.HasPrefix(variant, "the spine written") && !strings.HasPrefix(text, ledgerName+"+") {
					return // who has another ledger's rows writes them with its key
				}
				v.spine(m)
				if text == "" && v.kept == nil {
					return // TestVerifyOfNothing
				}
				if diff := cmp.Diff(v.want, rows(verifyKept(t, m, v.kept...))); diff != "" {
					t.Errorf("findings (-want +got):\n%s", diff)
				}
			})
		}
	}
}
