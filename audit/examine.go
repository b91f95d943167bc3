package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"iter"
	"runtime"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// examined is what a page shows without the pages before it. Examining is most of the work of
// verifying. It needs nothing but the page, so many pages are examined at once.
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

// signedEntries returns the page's entries, if every line is the one whose leaf was signed and
// every column equals its line's. The error is a *RowError.
func (p Page) signedEntries(leaves []tlog.Hash) ([]Entry, error) {
	if len(p.Faults) > 0 {
		return nil, p.Faults[0]
	}
	if len(p.Lines) != len(leaves) || p.Beside != nil && len(p.Beside) != len(leaves) {
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
		if p.Beside != nil && p.Beside[e.Index-p.First] != e.Columns() {
			return nil, &RowError{EntryRow(p.Log, e.Index), "a field beside its line differs from the line"}
		}
		if !e.Time.Equal(entries[0].Time) {
			return nil, &RowError{EntryRow(p.Log, e.Index), "its time is not its page's"}
		}
	}
	return entries, nil
}

// tree checks the page's checkpoint and returns the tree that it signs. It accepts exactly the
// bytes that a commit writes. Base64 and the note format allow other spellings of the same
// content, and a change from one to another would go unnoticed.
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

// examinePages examines pages on all CPUs, and yields them in their order. It reads a few pages
// ahead. When the caller stops early, it returns only after the reader of pages has ended.
func examinePages(ctx context.Context, pages iter.Seq2[Page, error], v note.Verifier) iter.Seq2[examined, error] {
	return func(yield func(examined, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		workers := runtime.GOMAXPROCS(0)
		order := make(chan chan examined, 2*workers) // bounds how many pages are in memory
		work := make(chan func(), workers)
		for range workers {
			go func() {
				for f := range work {
					f()
				}
			}()
		}
		var failed error
		go func() {
			defer close(order)
			defer close(work)
			for p, err := range pages {
				if err != nil {
					failed = err
					return
				}
				result := make(chan examined, 1)
				select {
				case order <- result:
				case <-ctx.Done():
					return
				}
				work <- func() { result <- examine(p, v) }
			}
		}()
		defer func() {
			stop()
			for range order { // until the reader of pages has ended
				continue
			}
		}()
		for result := range order {
			if !yield(<-result, nil) {
				return
			}
		}
		if failed != nil {
			yield(examined{}, failed)
		}
	}
}
