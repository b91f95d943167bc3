package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Limits of one commit. The largest page, with its lines, edge and checkpoint,
// stays far below DynamoDB's 400 KB an item.
const (
	MaxPageEntries = 256
	MaxPageBytes   = 128 << 10
)

// Page is what one commit writes. Pages are immutable and numbered from 0
// without gaps.
type Page struct {
	Log        string
	Number     int64
	First      int64       // index of the first entry
	Lines      [][]byte    // the entries' lines, in order; all of one time
	Edge       []tlog.Hash // right edge of the tree after the page
	Root       tlog.Hash   // root of that tree
	Checkpoint []byte      // that tree's C2SP checkpoint, signed

	// Leaves holds the leaf hash of each line. A driver that keeps lines in rows of
	// their own keeps Leaves in the page's row, so that a changed line can be named;
	// others leave it nil when they read, unless the page is pruned.
	Leaves []tlog.Hash
	// Pruned says that lines were removed when the log's retention ended: they are nil.
	Pruned bool
	// Faults is what a driver found while reading the rows of the lines: missing
	// ones, whose line is nil. A page with faults is evidence only.
	Faults []*RowError
	// Beside, of a driver that keeps fields beside a line, reports whether those of an
	// entry's row are the entry's; it returns a *RowError if not.
	Beside func(e Entry) error

	entries []Entry // of a page that was formed here: its lines need no parsing
}

// Size returns how many entries the log has after the page.
func (p Page) Size() int64 { return p.First + int64(len(p.Lines)) }

// LeafHashes returns the leaf hash of each entry, of those that were pruned as well.
func (p Page) LeafHashes() []tlog.Hash {
	if p.Leaves != nil {
		return p.Leaves
	}
	leaves := make([]tlog.Hash, len(p.Lines))
	for i, line := range p.Lines {
		leaves[i] = LeafHash(line)
	}
	return leaves
}

// Entries returns the entries of the page's lines, without those that were pruned.
// The error is a *RowError. The entries are not to be changed.
func (p Page) Entries() ([]Entry, error) {
	switch {
	case len(p.Faults) > 0:
		return nil, p.Faults[0]
	case p.entries != nil:
		return p.entries, nil
	}
	entries := make([]Entry, 0, len(p.Lines))
	for i, line := range p.Lines {
		if line == nil && p.Pruned {
			continue
		}
		e, err := Parse(line)
		if err != nil {
			return nil, &RowError{EntryRow(p.Log, p.First+int64(i)), "its line is not a valid entry"}
		}
		if e.Log != p.Log || e.Index != p.First+int64(i) {
			return nil, &RowError{EntryRow(p.Log, p.First+int64(i)), "its line belongs to another place"}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Entry returns the entry of an index, which must be the page's, or ErrNotFound if it
// was pruned.
func (p Page) Entry(index int64) (Entry, error) {
	entries, err := p.Entries()
	if err != nil {
		return Entry{}, err
	}
	for _, e := range entries {
		if e.Index == index {
			return e, nil
		}
	}
	return Entry{}, ErrNotFound
}

// Prune returns the page as pruning leaves it: without the lines of entries other
// than the ledger's own, which name no subject and prove what follows. The error is a
// *RowError.
func (p Page) Prune() (Page, error) {
	entries, err := p.Entries()
	if err != nil {
		return Page{}, err
	}
	p.Leaves, p.Pruned, p.entries = p.LeafHashes(), true, nil
	lines := make([][]byte, len(p.Lines))
	for _, e := range entries {
		if e.Operation.isHouse() {
			lines[e.Index-p.First] = p.Lines[e.Index-p.First]
		}
	}
	p.Lines = lines
	return p, nil
}

// same reports whether p and o are the same commit. A checkpoint signs the root,
// and so every line.
func (p Page) same(o Page) bool {
	return p.Log == o.Log && p.Number == o.Number && bytes.Equal(p.Checkpoint, o.Checkpoint)
}

func (p Page) fault(problem string) *RowError {
	return &RowError{PageRow(p.Log, p.Number), problem}
}

// head is the end of a log: what the next page builds on.
type head struct {
	log    string
	number int64 // of the next page
	size   int64
	edge   edge
	time   time.Time // of the last entry
	opens  string    // what the log's OPEN must commit to, where it is known
	next   string    // the log that comes after this one, which is closed
}

// at is the tree of the log as it is. The log must have an entry.
func (h head) at() commitment {
	return commitment{h.log, tlog.Tree{N: h.size, Hash: h.edge.root()}}
}

// opening is the head of the log that a CLOSE named.
func (h head) opening() head { return head{log: h.next, opens: h.at().String()} }

// take notes what the log's own entries say of it.
func (h *head) take(e Entry) {
	h.time = e.Time
	if e.Operation == Closed {
		h.next = e.Reference
	}
}

// nextPage returns the page that holds as many of the entries as fit into one, and
// the head after it. Every entry gets the page's time, which never goes back.
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

// follow checks everything about a page that comes next after h, and returns the
// head after it. The error is a *RowError that names the page, or the entry where the
// page's own row is proven whole.
func (h head) follow(p Page, v note.Verifier) (head, error) {
	return h.advance(examine(p, v), nil)
}

// advance is follow of a page that was examined. grown, if any, gets the tree at every
// size that the page leads through.
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
	// From here on the page's own row is what was signed, so what differs now is an
	// entry's row.
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

// allow says whether an entry may come next in a log. before is the head before
// the entry's page.
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

// examined is what a page tells without those before it. It is most of the work
// of verifying, and pages can be examined side by side.
type examined struct {
	page       Page
	tree       tlog.Tree
	treeErr    error
	leaves     []tlog.Hash
	entries    []Entry
	entriesErr error
}

func examine(p Page, v note.Verifier) examined {
	x := examined{page: p, leaves: p.LeafHashes()}
	if x.tree, x.treeErr = p.tree(v); x.treeErr == nil {
		x.entries, x.entriesErr = p.signedEntries(x.leaves)
	}
	return x
}

func (p Page) signedEntries(leaves []tlog.Hash) ([]Entry, error) {
	if len(p.Faults) > 0 {
		return nil, p.Faults[0]
	}
	if len(p.Lines) != len(leaves) {
		return nil, p.fault("its lines are not as many as its leaves")
	}
	for i, line := range p.Lines {
		if line == nil && p.Pruned && p.First+int64(i) > 0 {
			continue
		}
		if LeafHash(line) != leaves[i] {
			return nil, &RowError{EntryRow(p.Log, p.First+int64(i)), "its line is not the one that was signed"}
		}
	}
	entries, err := p.Entries()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if p.Beside != nil {
			if err := p.Beside(e); err != nil {
				return nil, err
			}
		}
		if !e.Time.Equal(entries[0].Time) {
			return nil, &RowError{EntryRow(p.Log, e.Index), "its time is not its page's"}
		}
	}
	return entries, nil
}

// headAfter trusts a signed page for everything before it, and returns the head
// after it. A writer starts from the last page but one so.
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

// tree checks the page's checkpoint and returns the tree that it signs. It
// accepts exactly the bytes that a commit writes: base64 and the note format
// would each let a reader overlook a change.
func (p Page) tree(v note.Verifier) (tlog.Tree, error) {
	n, err := note.Open(p.Checkpoint, note.VerifierList(v))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		return tlog.Tree{}, p.fault("its checkpoint is not signed by the ledger's key")
	}
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return tlog.Tree{}, p.fault("its checkpoint is not a note with one signature")
	}
	sig, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	exact := n.Text + "\n— " + n.Sigs[0].Name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
	if err != nil || exact != string(p.Checkpoint) {
		return tlog.Tree{}, p.fault("its checkpoint is not in canonical form")
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil || c.Origin != p.Log || c.Extension != "" || c.String() != n.Text {
		return tlog.Tree{}, p.fault("its checkpoint is not one of this log")
	}
	if c.Hash != p.Root {
		return tlog.Tree{}, p.fault("its root is not that of its checkpoint")
	}
	return c.Tree, nil
}
