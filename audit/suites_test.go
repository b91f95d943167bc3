package audit_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func TestMemConforms(t *testing.T) {
	audittest.Run(t, audittest.Driver{Open: func(*testing.T) audit.Store { return audit.NewMem() }, Leases: true})
}

// TestMemTampered holds for both kinds of drivers: those that keep the leaf hashes
// beside the lines, and can name a changed line, and those that keep only lines.
func TestMemTampered(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		t.Run(fmt.Sprintf("leaves=%t", leaves), func(t *testing.T) {
			audittest.Tamper(t, func(*testing.T) audittest.Tamperable { return &tamperedMem{audit.NewMem(), leaves} })
		})
	}
}

// tamperedMem is Mem as a driver that keeps leaf hashes, or one that does not.
type tamperedMem struct {
	*audit.Mem
	leaves bool
}

func (m *tamperedMem) Commit(ctx context.Context, p audit.Page) error {
	if !m.leaves {
		p.Leaves = nil
	}
	return m.Mem.Commit(ctx, p)
}

func (m *tamperedMem) Tamperings(t *testing.T) []audittest.Tampering {
	t.Helper()
	all := slices.Concat(m.besideTamperings(t), m.keyTamperings(t))
	for _, log := range []string{"piinguin-1", "piinguin-2"} {
		pages := m.RawPages(log)
		all = append(all, m.orderTamperings(log, pages)...)
		for i, p := range pages {
			// Every byte of the second log, behind one that is whole. Without leaf hashes a
			// page is checked as one, so that one page stands for all.
			if log == "piinguin-2" && (m.leaves || i == 1) {
				all = append(all, m.byteTamperings(p, i)...)
			}
			all = append(all, m.lineTamperings(p, i)...)
			all = append(all, m.checkpointTamperings(p, i)...)
		}
	}
	return all
}

// change is a tampering with a log's pages. f may change the copy that it gets.
func (m *tamperedMem) change(log, name, row string, f func(pages []audit.Page) []audit.Page) audittest.Tampering {
	was := m.RawPages(log)
	return audittest.Tampering{
		Name: log + ": " + name, Row: row,
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
func (m *tamperedMem) changePage(p audit.Page, at int, name, row string, f func(p *audit.Page)) audittest.Tampering {
	return m.change(p.Log, fmt.Sprintf("page %d: %s", at, name), row, func(pages []audit.Page) []audit.Page {
		f(&pages[at])
		return pages
	})
}

// lineRow is the row that a changed line is found in.
func (m *tamperedMem) lineRow(p audit.Page, line int) string {
	if !m.leaves {
		return audit.PageRow(p.Log, p.Number)
	}
	return audit.EntryRow(p.Log, p.First+int64(line))
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
	row := audit.PageRow(p.Log, p.Number)
	flip := func(name, row string, n int, bytes func(p *audit.Page) []byte) {
		for k := range n {
			all = append(all, m.changePage(p, at, fmt.Sprintf("%s, byte %d", name, k), row, func(p *audit.Page) {
				bytes(p)[k] ^= 1
			}))
		}
	}
	for i, line := range p.Lines {
		flip(fmt.Sprintf("line %d", i), m.lineRow(p, i), len(line), func(p *audit.Page) []byte { return p.Lines[i] })
	}
	for i := range p.Edge {
		flip(fmt.Sprintf("edge %d", i), row, tlog.HashSize, func(p *audit.Page) []byte { return p.Edge[i][:] })
	}
	for i := range p.Leaves {
		flip(fmt.Sprintf("leaf %d", i), row, tlog.HashSize, func(p *audit.Page) []byte { return p.Leaves[i][:] })
	}
	flip("root", row, tlog.HashSize, func(p *audit.Page) []byte { return p.Root[:] })
	flip("checkpoint", row, len(p.Checkpoint), func(p *audit.Page) []byte { return p.Checkpoint })
	return all
}
