package audit

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// Limits of one commit. MaxPageBytes counts the lines only. The largest page, with its edge and
// checkpoint, stays far below the 400 KB that DynamoDB takes for an item.
const (
	MaxPageEntries = 256
	MaxPageBytes   = 128 << 10
)

// Page is what one commit writes, and all that it writes. The pages of a log are numbered from 0
// without gaps. A stored page never changes, until pruning makes a stub of it.
//
// A Page is a value without functions: it can be compared, copied and kept. Its slices are shared
// by its copies, so nobody changes them.
type Page struct {
	Log        LogID
	Number     int64
	First      int64       // index of the first entry; of a stub, of the first entry after it
	Time       time.Time   // of all its entries; zero in a stub
	Lines      [][]byte    // the entries' lines, in order; none in a stub
	Edge       []tlog.Hash // right edge of the tree after the page
	Root       tlog.Hash   // root of that tree
	Checkpoint []byte      // that tree's C2SP checkpoint, signed

	// Stub says that the page is the last one that pruning removed. It stays, without its lines, as
	// what the next page builds on. Leaves then holds the leaf hashes of the entries since the last
	// multiple of 256, which no full tile has.
	Stub   bool
	Leaves []tlog.Hash

	// entries and leaves save parsing and hashing the lines of a page that this process made.
	entries []Entry
	leaves  []tlog.Hash
}

// Size returns how many entries the log has after the page.
func (p Page) Size() int64 { return p.First + int64(len(p.Lines)) }

// Tree returns the log's tree after the page.
func (p Page) Tree() tlog.Tree { return tlog.Tree{N: p.Size(), Hash: p.Root} }

// Entries returns the entries of the page. The error is a *RowError. The caller must not change the
// entries.
func (p Page) Entries() ([]Entry, error) {
	if p.entries != nil {
		return p.entries, nil
	}
	return p.some(func([]byte) bool { return true })
}

// some is Entries for the lines that are wanted. Nothing looks at the others.
func (p Page) some(wanted func(line []byte) bool) ([]Entry, error) {
	entries := make([]Entry, 0, len(p.Lines))
	for i, line := range p.Lines {
		if !wanted(line) {
			continue
		}
		e, err := Parse(line)
		switch {
		case err != nil:
			return nil, p.fault(fmt.Sprintf("the line of entry %d is not a valid entry", p.First+int64(i)))
		case e.Log != p.Log || e.Index != p.First+int64(i) || len(entries) > 0 && e.Ledger != entries[0].Ledger:
			return nil, p.fault(fmt.Sprintf("the line of entry %d belongs to another place", p.First+int64(i)))
		case !e.Time.Equal(p.Time):
			return nil, p.fault(fmt.Sprintf("the time of entry %d is not the page's", p.First+int64(i)))
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// toStub returns the page as pruning leaves it. before are the leaf hashes from the last multiple of
// 256 entries up to the page.
func (p Page) toStub(before []tlog.Hash) Page {
	all := slices.Clone(before)
	for _, line := range p.Lines {
		all = append(all, LeafHash(line))
	}
	size := p.Size()
	p.Leaves = all[len(all)-int(size%torchwood.TileWidth):]
	p.First, p.Time, p.Lines, p.Stub, p.entries, p.leaves = size, time.Time{}, nil, true, nil, nil
	return p
}

// same reports whether p and o are the same commit. The checkpoint signs the root, and with it
// every line, so comparing checkpoints is enough.
func (p Page) same(o Page) bool {
	return p.Log == o.Log && p.Number == o.Number && bytes.Equal(p.Checkpoint, o.Checkpoint)
}

func (p Page) fault(problem string) *RowError {
	return &RowError{PageRow(p.Log, p.Number), problem}
}
