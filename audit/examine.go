package audit

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// examined is what a page shows without the pages before it. Examining is most of the work of
// verifying. It needs nothing but the page, so many pages are examined at once.
type examined struct {
	page    Page
	ledger  string      // under whose name it was signed
	key     VerifierKey // that signed it; of a KEY the old one
	tree    tlog.Tree   // that its checkpoint signs
	leaves  []tlog.Hash
	entries []Entry
	err     *RowError
}

// examine checks a page by itself. key is the one that should have signed it. The ledger's name is
// what its entries say; that of a stub, which has none, is ledger.
func examine(p Page, ledger string, key VerifierKey) examined {
	x := examined{page: p, ledger: ledger, key: key}
	var err error
	if x.entries, err = p.Entries(); err == nil {
		if len(x.entries) > 0 {
			x.ledger = x.entries[0].Ledger
		}
		keys := []VerifierKey{key}
		if before, next, is := rekeying(x.entries); is {
			x.key, keys = before, []VerifierKey{before, next}
		}
		x.tree, err = p.signed(x.ledger, keys)
	}
	switch {
	case err != nil:
		x.err = asRow(err, p)
	case x.tree.Hash != p.Root:
		x.err = p.fault("its root is not that of its checkpoint")
	case p.Stub && !p.wholeStub():
		x.err = p.fault("it is not a stub as pruning leaves it")
	case !p.Stub && len(p.Leaves) > 0:
		x.err = p.fault("it has leaf hashes, which only a stub has")
	}
	x.leaves = make([]tlog.Hash, len(p.Lines))
	for i, line := range p.Lines {
		x.leaves[i] = LeafHash(line)
	}
	return x
}

// wholeStub reports whether a stub has nothing but what pruning leaves, and leaf hashes that its edge
// has the roots of. Nothing signs the time of a stub, so it has none.
func (p Page) wholeStub() bool {
	e := edge{}.grow(0, p.Leaves...)
	return len(p.Lines) == 0 && p.Time.IsZero() && p.First > 0 && int64(len(p.Leaves)) == p.First%torchwood.TileWidth &&
		len(p.Edge) >= len(e) && slices.Equal(edge(p.Edge[len(p.Edge)-len(e):]), e)
}

func asRow(err error, p Page) *RowError {
	var row *RowError
	if errors.As(err, &row) {
		return row
	}
	return p.fault("its checkpoint cannot be checked")
}

// rekeying returns the two keys that a page's KEY names, both of which sign the page. A KEY is alone
// on its page.
func rekeying(entries []Entry) (before, next VerifierKey, is bool) {
	if len(entries) != 1 || entries[0].Operation != Rekeyed {
		return before, next, false
	}
	before, err := ParseVerifierKey(entries[0].Detail)
	next, nextErr := ParseVerifierKey(entries[0].Reference)
	return before, next, err == nil && nextErr == nil
}

// signed checks that the page's checkpoint is signed by exactly the keys, in their order, and returns
// the tree that it signs. It accepts exactly the bytes that a commit writes. Base64 and the note
// format allow other spellings of the same content, and a change from one to another would go
// unnoticed.
func (p Page) signed(ledger string, keys []VerifierKey) (tlog.Tree, error) {
	origin := Origin(ledger, p.Log)
	if opensCheckpoint(p.Checkpoint, origin, p.Tree(), keys...) {
		return p.Tree(), nil
	}
	return p.open(origin, keys)
}

// open is signed for a checkpoint that is not the page's as it was written. The libraries for its formats
// say what it is instead.
func (p Page) open(origin string, keys []VerifierKey) (tlog.Tree, error) {
	verifiers := make([]note.Verifier, len(keys))
	for i, k := range keys {
		v, err := k.verifier(origin)
		if err != nil {
			return tlog.Tree{}, err
		}
		verifiers[i] = v
	}
	n, err := note.Open(p.Checkpoint, note.VerifierList(verifiers...))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		return tlog.Tree{}, p.fault("its checkpoint is not signed by the ledger's key")
	}
	if err != nil || len(n.Sigs) != len(keys) || len(n.UnverifiedSigs) != 0 {
		return tlog.Tree{}, p.fault("its checkpoint is not a note with the signatures that it must have")
	}
	exact := &strings.Builder{}
	exact.WriteString(n.Text + "\n")
	for i, s := range n.Sigs {
		sig, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil || s.Hash != verifiers[i].KeyHash() {
			return tlog.Tree{}, p.fault("its checkpoint is not in canonical form")
		}
		exact.WriteString("— " + s.Name + " " + base64.StdEncoding.EncodeToString(sig) + "\n")
	}
	if exact.String() != string(p.Checkpoint) {
		return tlog.Tree{}, p.fault("its checkpoint is not in canonical form")
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil || c.Origin != origin || c.Extension != "" || c.String() != n.Text {
		return tlog.Tree{}, p.fault("its checkpoint is not one of this log")
	}
	return c.Tree, nil
}
