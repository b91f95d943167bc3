package audit_test

import (
	"bytes"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// orderTamperings lose, double, exchange and renumber pages. That the last page is
// lost is not among them: TestCutTail.
func (m *tamperedMem) orderTamperings(log string, pages []audit.Page) []audittest.Tampering {
	var all []audittest.Tampering
	row := func(i int) string { return audit.PageRow(log, int64(i)) }
	end := len(pages)
	for i := range pages {
		all = append(all,
			m.change(log, "a page is there twice", row(i), func(p []audit.Page) []audit.Page {
				return slices.Insert(p, i, p[i])
			}),
			m.change(log, "a page comes again at the end", row(end), func(p []audit.Page) []audit.Page {
				again := p[i]
				again.Number = int64(end)
				return append(p, again)
			}),
			m.changePage(pages[i], i, "of another log", row(i), func(p *audit.Page) {
				other := map[string]string{"piinguin-1": "piinguin-2", "piinguin-2": "piinguin-1"}[log]
				*p = m.RawPages(other)[i]
				p.Log = log
			}),
		)
		if i == end-1 {
			continue
		}
		all = append(all,
			m.change(log, "a page is lost", row(i), func(p []audit.Page) []audit.Page {
				return slices.Delete(p, i, i+1)
			}),
			m.change(log, "neighbours exchanged", row(i), func(p []audit.Page) []audit.Page {
				p[i], p[i+1] = p[i+1], p[i]
				p[i].Number, p[i+1].Number = p[i+1].Number, p[i].Number
				return p
			}),
			m.change(log, "a page is lost and the rest moved up", row(i), func(p []audit.Page) []audit.Page {
				p = slices.Delete(p, i, i+1)
				for k := i; k < len(p); k++ {
					p[k].Number--
				}
				return p
			}),
		)
	}
	return append(all,
		m.change(log, "the last page is renumbered", row(end-1), func(p []audit.Page) []audit.Page {
			p[end-1].Number += 7
			return p
		}),
		m.change(log, "no page is left", row(0), func([]audit.Page) []audit.Page { return nil }),
	)
}

// lineTamperings lose, double and exchange the lines of a page, and change what
// counts them.
func (m *tamperedMem) lineTamperings(p audit.Page, at int) []audittest.Tampering {
	var all []audittest.Tampering
	row := audit.PageRow(p.Log, p.Number)
	if p.Number == 0 {
		// All that is computed from the line is computed again, but for what is signed.
		all = append(all, m.changePage(p, at, "changed with its leaf and edge", row, func(p *audit.Page) {
			p.Lines[0] = bytes.Replace(p.Lines[0], []byte("GRANTED"), []byte("DENIED"), 1)
			p.Edge[0] = audit.LeafHash(p.Lines[0])
			if p.Leaves != nil {
				p.Leaves[0] = p.Edge[0]
			}
		}))
	}
	for i := range p.Lines {
		all = append(all,
			m.changePage(p, at, "a line is lost", row, func(p *audit.Page) { p.Lines = slices.Delete(p.Lines, i, i+1) }),
			m.changePage(p, at, "a line is there twice", row, func(p *audit.Page) { p.Lines = slices.Insert(p.Lines, i, p.Lines[i]) }),
			m.changePage(p, at, "a line is empty", m.lineRow(p, i), func(p *audit.Page) { p.Lines[i] = nil }),
			m.changePage(p, at, "a line ends with a newline", m.lineRow(p, i), func(p *audit.Page) { p.Lines[i] = append(p.Lines[i], '\n') }),
		)
		if i > 0 {
			all = append(all, m.changePage(p, at, "lines exchanged", m.lineRow(p, i-1), func(p *audit.Page) {
				p.Lines[i-1], p.Lines[i] = p.Lines[i], p.Lines[i-1]
			}))
		}
	}
	return append(all,
		m.changePage(p, at, "no line is left", row, func(p *audit.Page) { p.Lines, p.Leaves = nil, nil }),
		m.changePage(p, at, "first too large", row, func(p *audit.Page) { p.First++ }),
		m.changePage(p, at, "first too small", row, func(p *audit.Page) { p.First-- }),
		m.changePage(p, at, "edge too short", row, func(p *audit.Page) { p.Edge = p.Edge[1:] }),
		m.changePage(p, at, "edge too long", row, func(p *audit.Page) { p.Edge = append(p.Edge, tlog.Hash{}) }),
		m.changePage(p, at, "edge with the root", row, func(p *audit.Page) { p.Edge = append([]tlog.Hash{p.Root}, p.Edge...) }),
	)
}

// checkpointTamperings leave a checkpoint that a lax reader would take for the
// same.
func (m *tamperedMem) checkpointTamperings(p audit.Page, at int) []audittest.Tampering {
	var all []audittest.Tampering
	change := func(name string, f func(c []byte) []byte) {
		all = append(all, m.changePage(p, at, "checkpoint: "+name, audit.PageRow(p.Log, p.Number), func(p *audit.Page) {
			p.Checkpoint = f(p.Checkpoint)
		}))
	}
	change("missing", func([]byte) []byte { return nil })
	change("ends with a space", func(c []byte) []byte { return append(c, ' ') })
	change("ends with an empty line", func(c []byte) []byte { return append(c, '\n') })
	change("CRLF", func(c []byte) []byte { return bytes.ReplaceAll(c, []byte("\n"), []byte("\r\n")) })
	change("signature split", func(c []byte) []byte { return slices.Insert(c, len(c)-5, '\r') })
	change("signed twice", func(c []byte) []byte { return append(c, c[bytes.LastIndex(c, []byte("— ")):]...) })
	change("signed by a witness", func(c []byte) []byte {
		secret, _, err := note.GenerateKey(nil, "witness.example")
		if err != nil {
			panic(err)
		}
		signer, err := note.NewSigner(secret)
		if err != nil {
			panic(err)
		}
		text := c[:bytes.LastIndex(c, []byte("\n— "))]
		signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
		if err != nil {
			panic(err)
		}
		return append(c, signed[bytes.LastIndex(signed, []byte("— ")):]...)
	})
	if p.Log != "piinguin-2" || at != 1 {
		return all
	}
	for k := range p.Checkpoint {
		change("case", func(c []byte) []byte { c[k] ^= 0x20; return c })
	}
	return all
}

// besideTamperings change the registry.
func (m *tamperedMem) besideTamperings(t *testing.T) []audittest.Tampering {
	t.Helper()
	logs, err := m.Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	registry := func(name, row string, changed ...string) audittest.Tampering {
		return audittest.Tampering{
			Name: "registry: " + name, Row: row,
			Apply: func(*testing.T) { m.SetRawLogs(changed...) }, Undo: func(*testing.T) { m.SetRawLogs(logs...) },
		}
	}
	return []audittest.Tampering{
		registry("first lost", audit.LogRow("piinguin-1"), "piinguin-2"),
		registry("second lost", audit.LogRow("piinguin-2"), "piinguin-1"),
		registry("all lost", audit.LogRow("piinguin-1")),
		registry("one more", audit.PageRow("piinguin-3", 0), "piinguin-1", "piinguin-2", "piinguin-3"),
		registry("a name that cannot be", audit.LogRow("Pi+nguin"), "Pi+nguin", "piinguin-1", "piinguin-2"),
	}
}

// keyTamperings change the kept verifier key.
func (m *tamperedMem) keyTamperings(t *testing.T) []audittest.Tampering {
	t.Helper()
	was, err := m.VerifierKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []audittest.Tampering
	change := func(name, text string) {
		all = append(all, audittest.Tampering{
			Name: "key: " + name, Row: audit.KeyRow,
			Apply: func(*testing.T) { m.SetRawKey(text) }, Undo: func(*testing.T) { m.SetRawKey(was) },
		})
	}
	kept, err := audit.ParseVerifierKey(was)
	if err != nil {
		t.Fatal(err)
	}
	change("lost", "")
	change("of another ledger", newKey(t, 9).Verifier().Text(audit.KeyName))
	change("under another name", kept.Text("piinguin-1"))
	change("with a newline", was+"\n")
	for k := range was {
		for _, bit := range []byte{0x01, 0x20} {
			changed := []byte(was)
			changed[k] ^= bit
			change("byte", string(changed))
		}
	}
	return all
}
