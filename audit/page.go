package audit

import (
	"bytes"

	"golang.org/x/mod/sumdb/tlog"
)

// Limits of one commit. MaxPageBytes counts the lines only. The largest page, with its edge and
// checkpoint, stays far below the 400 KB that DynamoDB takes for an item.
const (
	MaxPageEntries = 256
	MaxPageBytes   = 128 << 10
)

// Page is what one commit writes. The pages of a log are numbered from 0 without gaps. A stored
// page never changes, but for the lines that pruning removes.
//
// A Page is a value without functions: it can be compared, copied and kept. Its slices are shared
// by its copies, so nobody changes them.
type Page struct {
	Log        string
	Number     int64
	First      int64       // index of the first entry
	Lines      [][]byte    // the entries' lines, in order; all have the same time
	Edge       []tlog.Hash // right edge of the tree after the page
	Root       tlog.Hash   // root of that tree
	Checkpoint []byte      // that tree's C2SP checkpoint, signed

	// Leaves holds the leaf hash of each line. A driver that stores each line in a row of its
	// own stores Leaves in the page's row: a finding can then name the line that was changed.
	// Other drivers return nil, unless the page is pruned.
	Leaves []tlog.Hash
	// Pruned says that pruning removed lines. A removed line is nil.
	Pruned bool
	// Faults lists the rows of lines that a driver found missing; such a line is nil. A page
	// with faults is evidence: nothing but a finding can come of it.
	Faults []*RowError
	// Beside holds, for each line, the columns that a driver read beside it. It is nil if the
	// driver stores no such columns. Verify compares them with the line.
	Beside []Columns

	// entries saves parsing the lines of a page that this process made.
	entries []Entry
}

// Columns are the fields of an entry that a driver may store beside its line, so that a query
// need not parse lines. Whoever can write the rows can change them, so they are evidence only
// where they equal the line's.
type Columns struct {
	Time, Operation, Outcome, Caller, Basis, ModifiedValue string
}

// Columns returns the columns of the entry. Times have a fixed width and are in UTC, so that they
// sort as texts do.
func (e Entry) Columns() Columns {
	return Columns{formatTime(e.Time), string(e.Operation), string(e.Outcome), e.Caller, e.Basis, e.ModifiedValue}
}

// Size returns how many entries the log has after the page.
func (p Page) Size() int64 { return p.First + int64(len(p.Lines)) }

// LeafHashes returns the leaf hash of each entry, pruned or not.
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

// Entries returns the entries of the page that were not pruned. The error is a *RowError. The
// caller must not change the entries.
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

// Entry returns the entry with an index that lies in the page. ErrNotFound: it was pruned.
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

// Prune returns the page as pruning leaves it. The lines of the ledger's own entries stay: they
// name no data subject, and they prove which logs follow. The error is a *RowError.
func (p Page) Prune() (Page, error) {
	entries, err := p.Entries()
	if err != nil {
		return Page{}, err
	}
	p.Leaves, p.Pruned, p.entries = p.LeafHashes(), true, nil
	lines := make([][]byte, len(p.Lines))
	for _, e := range entries {
		if e.Operation.isInternal() {
			lines[e.Index-p.First] = p.Lines[e.Index-p.First]
		}
	}
	p.Lines = lines
	return p, nil
}

// same reports whether p and o are the same commit. The checkpoint signs the root, and with it
// every line, so comparing checkpoints is enough.
func (p Page) same(o Page) bool {
	return p.Log == o.Log && p.Number == o.Number && bytes.Equal(p.Checkpoint, o.Checkpoint)
}

func (p Page) fault(problem string) *RowError {
	return &RowError{PageRow(p.Log, p.Number), problem}
}
