package audit_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// orderTamperings lose, double, exchange and renumber pages. That the last page is lost is not among
// them: TestOneKeptFileFinds.
func (m *tamperedMem) orderTamperings(log audit.LogID, pages []audit.Page) []audittest.Tampering {
	var all []audittest.Tampering
	row := func(i int) string { return audit.PageRow(log, pages[0].Number+int64(i)) }
	end := len(pages)
	for i := range pages {
		all = append(all,
			m.change(log, "a page is there twice", row(i), func(p []audit.Page) []audit.Page {
				return slices.Insert(p, i, p[i])
			}),
			m.change(log, "a page comes again at the end", row(end), func(p []audit.Page) []audit.Page {
				again := p[i]
				again.Number = p[end-1].Number + 1
				return append(p, again)
			}),
			m.changePage(pages[i], i, "of another log", func(p *audit.Page) {
				number := p.Number
				*p = m.RawPages(map[audit.LogID]audit.LogID{audit.Spine: 1, 1: 2, 2: 1}[log])[min(i, 2)]
				p.Log, p.Number = log, number
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
	gone := audit.EntryRow(log, 0)
	if log == audit.Spine {
		gone = audit.PageRow(log, 0)
	}
	return append(all,
		m.change(log, "the last page is renumbered", row(end-1), func(p []audit.Page) []audit.Page {
			p[end-1].Number += 7
			return p
		}),
		m.change(log, "no page is left", gone, func([]audit.Page) []audit.Page { return nil }),
	)
}

// lineTamperings lose, double and exchange the lines of a page, and change what counts them.
func (m *tamperedMem) lineTamperings(p audit.Page, at int) []audittest.Tampering {
	var all []audittest.Tampering
	if p.Number == 0 {
		// All that is computed from the line is computed again, but for what is signed.
		all = append(all, m.changePage(p, at, "changed with its leaf and edge", func(p *audit.Page) {
			p.Lines[0] = bytes.Replace(p.Lines[0], []byte("GRANTED"), []byte("DENIED"), 1)
			p.Edge[0] = audit.LeafHash(p.Lines[0])
		}))
	}
	for i := range p.Lines {
		all = append(all,
			m.changePage(p, at, "a line is lost", func(p *audit.Page) { p.Lines = slices.Delete(p.Lines, i, i+1) }),
			m.changePage(p, at, "a line is there twice", func(p *audit.Page) { p.Lines = slices.Insert(p.Lines, i, p.Lines[i]) }),
			m.changePage(p, at, "a line is empty", func(p *audit.Page) { p.Lines[i] = nil }),
			m.changePage(p, at, "a line ends with a newline", func(p *audit.Page) { p.Lines[i] = append(p.Lines[i], '\n') }),
		)
		if i > 0 {
			all = append(all, m.changePage(p, at, "lines exchanged", func(p *audit.Page) {
				p.Lines[i-1], p.Lines[i] = p.Lines[i], p.Lines[i-1]
			}))
		}
	}
	if !p.Stub {
		all = append(all,
			m.changePage(p, at, "no line is left", func(p *audit.Page) { p.Lines = nil }),
			m.changePage(p, at, "made a stub", func(p *audit.Page) {
				p.First, p.Lines, p.Stub, p.Time = p.Size(), nil, true, time.Time{}
			}),
			m.changePage(p, at, "said to be a stub", func(p *audit.Page) { p.Stub = true }),
			m.changePage(p, at, "with a leaf hash", func(p *audit.Page) { p.Leaves = []tlog.Hash{{}} }),
		)
	}
	return append(all,
		m.changePage(p, at, "later", func(p *audit.Page) { p.Time = p.Time.Add(time.Microsecond) }),
		m.changePage(p, at, "earlier", func(p *audit.Page) { p.Time = p.Time.Add(-time.Microsecond) }),
		m.changePage(p, at, "first too large", func(p *audit.Page) { p.First++ }),
		m.changePage(p, at, "first too small", func(p *audit.Page) { p.First-- }),
		m.changePage(p, at, "edge too short", func(p *audit.Page) { p.Edge = p.Edge[1:] }),
		m.changePage(p, at, "edge too long", func(p *audit.Page) { p.Edge = append(p.Edge, tlog.Hash{}) }),
		m.changePage(p, at, "edge with the root", func(p *audit.Page) { p.Edge = append([]tlog.Hash{p.Root}, p.Edge...) }),
	)
}

// stubTamperings change what only a stub has.
func (m *tamperedMem) stubTamperings(p audit.Page, at int) []audittest.Tampering {
	return []audittest.Tampering{
		m.changePage(p, at, "no stub", func(p *audit.Page) { p.Stub = false }),
		m.changePage(p, at, "a leaf hash lost", func(p *audit.Page) { p.Leaves = p.Leaves[1:] }),
		m.changePage(p, at, "leaf hashes lost", func(p *audit.Page) { p.Leaves = nil }),
		m.changePage(p, at, "a leaf hash twice", func(p *audit.Page) { p.Leaves = append(p.Leaves, p.Leaves[0]) }),
		m.changePage(p, at, "leaf hashes exchanged", func(p *audit.Page) { p.Leaves[0], p.Leaves[1] = p.Leaves[1], p.Leaves[0] }),
		m.changePage(p, at, "with a line", func(p *audit.Page) { p.Lines = [][]byte{m.RawPages(2)[0].Lines[0]} }),
		m.changePage(p, at, "at a time", func(p *audit.Page) { p.Time = m.RawPages(2)[0].Time }),
		m.change(p.Log, "the stub renumbered", audit.PageRow(p.Log, p.Number-1), func(pages []audit.Page) []audit.Page {
			pages[at].Number--
			return pages
		}),
	}
}

// checkpointTamperings leave a checkpoint that a lax reader would take for the
// same.
func (m *tamperedMem) checkpointTamperings(p audit.Page, at int) []audittest.Tampering {
	var all []audittest.Tampering
	change := func(name string, f func(c []byte) []byte) {
		all = append(all, m.changePage(p, at, "checkpoint: "+name, func(p *audit.Page) {
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
	if p.Log != 2 || at != 1 {
		return all
	}
	for k := range p.Checkpoint {
		change("case", func(c []byte) []byte { c[k] ^= 0x20; return c })
	}
	return all
}

// besideTamperings add rows that belong to nothing.
func (m *tamperedMem) besideTamperings() []audittest.Tampering {
	unlisted := clonePage(m.RawPages(2)[0])
	unlisted.Log = 9
	var all []audittest.Tampering
	add := func(name, row string, pages ...audit.Page) {
		all = append(all, audittest.Tampering{
			Name: "unlisted log: " + name, Row: row,
			Apply: func(*testing.T) { m.SetRawPages(9, pages) }, Undo: func(*testing.T) { m.SetRawPages(9, nil) },
		})
	}
	add("a page of another", audit.PageRow(9, 0), unlisted)
	unlisted.Number = 1
	add("a page without one before", audit.PageRow(9, 0), unlisted)
	for _, kind := range []audit.BlobKind{{Log: 1, Kind: "tile/0"}, {Log: 2, Kind: "tile/1"}, {Log: 2, Kind: "tile/7"}, {Log: 2, Kind: "other"}, {Log: 9, Kind: "tile/0"}, {Log: audit.Spine, Kind: "tile/0"}} {
		all = append(all, audittest.Tampering{
			Name: "stray blob", Row: audit.BlobRow(kind.Log, kind.Kind, 3),
			Apply: func(*testing.T) { m.SetRawBlobs(kind, []audit.Blob{{Log: kind.Log, Kind: kind.Kind, Number: 3}}) },
			Undo:  func(*testing.T) { m.SetRawBlobs(kind, nil) },
		})
	}
	return all
}

// tileTamperings change the full tiles of log 1.
func tileTamperings(t *testing.T, s audittest.Tamperable) []audittest.Tampering {
	t.Helper()
	m, is := s.(*tamperedMem)
	if !is {
		t.Fatalf("%T", s)
	}
	kind := audit.BlobKind{Log: 1, Kind: "tile/0"}
	was := m.RawBlobs(kind)
	var all []audittest.Tampering
	change := func(name string, number int64, f func(b []audit.Blob) []audit.Blob) {
		all = append(all, audittest.Tampering{
			Name: "tiles: " + name, Row: audit.BlobRow(1, "tile/0", number),
			Apply: func(*testing.T) {
				changed := slices.Clone(was)
				for i := range changed {
					changed[i].Data = slices.Clone(changed[i].Data)
				}
				m.SetRawBlobs(kind, f(changed))
			},
			Undo: func(*testing.T) { m.SetRawBlobs(kind, was) },
		})
	}
	for i := range int64(2) {
		for _, k := range []int{0, 31, 32, 4000, 8191} {
			change("a bit", i, func(b []audit.Blob) []audit.Blob { b[i].Data[k] ^= 1; return b })
		}
		change("cut", i, func(b []audit.Blob) []audit.Blob { b[i].Data = b[i].Data[:8191]; return b })
		change("longer", i, func(b []audit.Blob) []audit.Blob { b[i].Data = append(b[i].Data, 0); return b })
		change("no data", i, func(b []audit.Blob) []audit.Blob { b[i].Data = nil; return b })
	}
	change("the first is gone", 0, func(b []audit.Blob) []audit.Blob { return b[1:] })
	change("exchanged", 0, func(b []audit.Blob) []audit.Blob { b[0].Data, b[1].Data = b[1].Data, b[0].Data; return b })
	change("one more", 2, func(b []audit.Blob) []audit.Blob {
		return append(b, audit.Blob{Log: 1, Kind: "tile/0", Number: 2, Data: b[1].Data})
	})
	change("one far away", 1<<40, func(b []audit.Blob) []audit.Blob {
		return append(b, audit.Blob{Log: 1, Kind: "tile/0", Number: 1 << 40, Data: b[1].Data})
	})
	return all
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
	change("another key", newKey(t, 9).Verifier().Text(ledgerName))
	change("under another name", kept.Text("vault.example.com/other"))
	change("under a log's name", kept.Text(audit.Origin(ledgerName, 1)))
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
