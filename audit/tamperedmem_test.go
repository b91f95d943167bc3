package audit_test

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// tamperedMem is Mem with changes of its rows.
type tamperedMem struct{ *audit.Mem }

// Tamperings implements audittest.Tamperable.
func (m *tamperedMem) Tamperings(t *testing.T) []audittest.Tampering {
	t.Helper()
	all := slices.Concat(m.besideTamperings(), m.keyTamperings(t))
	for _, log := range []audit.LogID{audit.Spine, 1, 2} {
		pages := m.RawPages(log)
		all = append(all, m.orderTamperings(log, pages)...)
		for i, p := range pages {
			all = append(all, m.lineTamperings(p, i)...)
			all = append(all, m.checkpointTamperings(p, i)...)
			if p.Stub || i == 1 { // one page stands for all
				all = append(all, m.byteTamperings(p, i)...)
			}
			if p.Stub {
				all = append(all, m.stubTamperings(p, i)...)
			}
		}
	}
	return all
}

// change is a tampering with a log's pages. f may change the copy that it gets.
func (m *tamperedMem) change(log audit.LogID, name, row string, f func(pages []audit.Page) []audit.Page) audittest.Tampering {
	was := m.RawPages(log)
	return audittest.Tampering{
		Name: log.String() + ": " + name, Row: row,
		Apply: func(*testing.T) {
			pages := make([]audit.Page, len(was))
			for i, p := range was {
				pages[i] = clonePage(p)
			}
			m.SetRawPages(log, f(pages))
		},
		Undo: func(*testing.T) { m.SetRawPages(log, was) },
	}
}

// changePage is a tampering with the page at a place in its log.
func (m *tamperedMem) changePage(p audit.Page, at int, name string, f func(p *audit.Page)) audittest.Tampering {
	row := audit.PageRow(p.Log, p.Number)
	return m.change(p.Log, fmt.Sprintf("page %d: %s", p.Number, name), row, func(pages []audit.Page) []audit.Page {
		f(&pages[at])
		return pages
	})
}

func clonePage(p audit.Page) audit.Page {
	lines := make([][]byte, len(p.Lines))
	for i, line := range p.Lines {
		lines[i] = slices.Clone(line)
	}
	p.Lines = lines
	p.Edge, p.Leaves = slices.Clone(p.Edge), slices.Clone(p.Leaves)
	p.Checkpoint = slices.Clone(p.Checkpoint)
	return p
}

// byteTamperings flip a bit of every byte of a page.
func (m *tamperedMem) byteTamperings(p audit.Page, at int) []audittest.Tampering {
	var all []audittest.Tampering
	flip := func(name string, n int, bytes func(p *audit.Page) []byte) {
		for k := range n {
			all = append(all, m.changePage(p, at, fmt.Sprintf("%s, byte %d", name, k), func(p *audit.Page) {
				bytes(p)[k] ^= 1
			}))
		}
	}
	for i, line := range p.Lines {
		flip(fmt.Sprintf("line %d", i), len(line), func(p *audit.Page) []byte { return p.Lines[i] })
	}
	for i := range p.Edge {
		flip(fmt.Sprintf("edge %d", i), tlog.HashSize, func(p *audit.Page) []byte { return p.Edge[i][:] })
	}
	for i := range p.Leaves {
		flip(fmt.Sprintf("leaf %d", i), tlog.HashSize, func(p *audit.Page) []byte { return p.Leaves[i][:] })
	}
	flip("root", tlog.HashSize, func(p *audit.Page) []byte { return p.Root[:] })
	flip("checkpoint", len(p.Checkpoint), func(p *audit.Page) []byte { return p.Checkpoint })
	return all
}
