package audit

import (
	"fmt"
	"slices"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// head is the end of a log: everything that the next page builds on. The writer and the verifier
// share it, so that both have the same rules for what comes next.
type head struct {
	log    string
	number int64 // of the next page
	size   int64
	edge   edge
	time   time.Time // of the last entry
	opens  string    // the checkpoint that the log's OPEN must name; empty if it is not known
	next   string    // the log that a CLOSE named; empty while this log is open
}

// at is the log's tree at this head. The log must have an entry.
func (h head) at() commitment {
	return commitment{h.log, tlog.Tree{N: h.size, Hash: h.edge.root()}}
}

// opening is the head of the log that the CLOSE of this one named.
func (h head) opening() head { return head{log: h.next, opens: h.at().String()} }

// take records an entry that was accepted: its time, and the next log if it is a CLOSE.
func (h *head) take(e Entry) {
	h.time = e.Time
	if e.Operation == Closed {
		h.next = e.Reference
	}
}

// nextPage returns the next page, with as many of the entries as fit into it, and the head after
// it. Every entry gets the page's time. A clock that went back does not make time go back in the
// log: the page then gets the time of the last entry.
func (h head) nextPage(entries []Entry, now time.Time, signer note.Signer) (Page, head, error) {
	at := now.UTC().Truncate(time.Microsecond)
	if at.Before(h.time) {
		at = h.time
	}
	after := head{log: h.log, number: h.number + 1, size: h.size, edge: h.edge, time: at}
	p := Page{Log: h.log, Number: h.number, First: h.size}
	total := 0
	for _, e := range entries {
		e.Log, e.Index, e.Time = h.log, after.size, at
		line, err := e.Format()
		if err != nil {
			return Page{}, head{}, err
		}
		if total += len(line); total > MaxPageBytes && len(p.Lines) > 0 {
			break
		}
		leaf := LeafHash(line)
		p.Lines, p.Leaves, p.entries = append(p.Lines, line), append(p.Leaves, leaf), append(p.entries, e)
		after.edge = after.edge.grow(after.size, leaf)
		after.size++
		after.take(e)
	}
	p.Edge, p.Root = after.edge, after.edge.root()
	text := torchwood.Checkpoint{Origin: h.log, Tree: tlog.Tree{N: after.size, Hash: p.Root}}.String()
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return Page{}, head{}, fmt.Errorf("audit: sign checkpoint: %w", err)
	}
	p.Checkpoint = signed
	return p, after, nil
}

// follow checks a page completely as the one that comes next, and returns the head after it. The
// error is a *RowError. It names the page, or the entry if the page's own row is proven whole.
func (h head) follow(p Page, v note.Verifier) (head, error) {
	return h.advance(examine(p, v), nil)
}

// advance is follow for a page that was examined already. If grown is not nil, it is called with
// the tree at every size that the page leads through; its first error is returned last, after
// everything else about the page was found good.
func (h head) advance(x examined, grown func(size int64, e edge) error) (head, error) {
	p := x.page
	switch {
	case p.Number > h.number:
		return head{}, &RowError{PageRow(h.log, h.number), "missing"}
	case p.Number < h.number:
		return head{}, p.fault("out of order")
	case x.treeErr != nil:
		return head{}, x.treeErr
	case len(x.leaves) == 0 || p.First != h.size || p.First+int64(len(x.leaves)) != x.tree.N:
		return head{}, p.fault("its entries are not those of its checkpoint")
	}
	after := head{log: h.log, number: h.number + 1, size: h.size, edge: h.edge, time: h.time}
	var off error
	for _, leaf := range x.leaves {
		after.edge = after.edge.grow(after.size, leaf)
		after.size++
		if grown != nil && off == nil {
			off = grown(after.size, after.edge)
		}
	}
	switch {
	case after.edge.root() != x.tree.Hash:
		return head{}, p.fault("its root is not that of its entries")
	case !slices.Equal(after.edge, edge(p.Edge)):
		return head{}, p.fault("its edge is not that of its entries")
	case h.next != "":
		return head{}, p.fault("it comes after the log's CLOSE")
	// The page's own row is what was signed. Whatever differs from here on is in an entry's
	// row.
	case x.entriesErr != nil:
		return head{}, x.entriesErr
	}
	for _, e := range x.entries {
		if err := after.allow(e, h); err != nil {
			return head{}, err
		}
		after.take(e)
	}
	return after, off
}

// allow checks whether an entry may come next in its log. before is the head before the entry's
// page.
func (h head) allow(e Entry, before head) error {
	row := EntryRow(e.Log, e.Index)
	switch {
	case e.Time.Before(h.time):
		return &RowError{row, "its time goes back"}
	case h.next != "":
		return &RowError{row, "it comes after the log's CLOSE"}
	case e.Index == 0 && e.Operation != Opened:
		return &RowError{row, "a log's first entry is not OPEN"}
	case e.Index == 0 && before.opens != "" && e.Checkpoint != before.opens:
		return &RowError{row, "it does not commit to the log that was closed before it"}
	case e.Operation == Closed && (SeriesOf(e.Reference) != SeriesOf(e.Log) || e.Reference <= e.Log):
		return &RowError{row, "it names no later log of its series"}
	}
	return nil
}

// headAfter returns the head after a page, and trusts the page's signature for everything before
// it. A writer starts with the page before the last one, and a verifier at a trusted checkpoint.
func headAfter(p Page, v note.Verifier) (head, error) {
	tree, err := p.tree(v)
	if err != nil {
		return head{}, err
	}
	entries, err := p.Entries()
	if err != nil {
		return head{}, err
	}
	if len(p.Lines) == 0 || p.Size() != tree.N || !edge(p.Edge).fits(tree.N) || edge(p.Edge).root() != tree.Hash {
		return head{}, p.fault("its entries or its edge are not those of its checkpoint")
	}
	h := head{log: p.Log, number: p.Number + 1, size: tree.N, edge: p.Edge}
	for _, e := range entries {
		h.take(e)
	}
	return h, nil
}
