package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// Once compares the newest file that is kept with the ledger, and then keeps the spine's newest
// CHECKPOINT, if it is not kept yet. To keep what contradicts what is kept would help nobody.
func (a *Anchors) Once(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	compared := a.compare(ctx)
	disagrees := compared.Reason == Behind || compared.Reason == Conflict
	if disagrees {
		a.disagrees.Store(&compared.Err) // first: who is told asks Agrees
	}
	a.report(ctx, compared)
	switch {
	case disagrees:
		return
	case compared.Err != nil && a.Agrees() != nil: // what was found before stands until it is mended
		return
	}
	kept := a.keep(ctx)
	switch {
	case kept.Reason == Behind:
		a.disagrees.Store(&kept.Err)
	case compared.Err == nil:
		a.disagrees.Store(nil)
	}
	a.report(ctx, kept)
}

// report reports what failed, but not because the server stops: the last round tries it again.
func (a *Anchors) report(ctx context.Context, f Failure) {
	if f.Err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		a.Report(f)
	}
}

// compare holds the ledger to the newest kept file. The place is read before the ledger, so that what
// another server keeps meanwhile is no sign of a loss. Files that the ledger's key did not sign count
// for nothing: whoever may write there could put them.
func (a *Anchors) compare(ctx context.Context) Failure {
	names, err := a.names(ctx)
	if err != nil {
		return Failure{Reason: PlaceFailed, Err: err}
	}
	for _, name := range slices.Backward(names) {
		err := a.against(ctx, name)
		var row *audit.RowError
		switch {
		case errors.Is(err, audit.ErrKept), errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil:
			a.compared = name
			return Failure{}
		case errors.Is(err, audit.ErrBehind):
			return Failure{Reason: Behind, Err: err}
		case errors.As(err, &row):
			return Failure{Reason: Conflict, Err: err}
		case errors.Is(err, errPlace):
			return Failure{Reason: PlaceFailed, Err: err}
		}
		return Failure{Reason: LedgerFailed, Err: ErrLedger}
	}
	return Failure{}
}

// names returns what is kept from the file that was compared last on, in its order. That file is
// compared in every period: the ledger may have been exchanged meanwhile.
func (a *Anchors) names(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	var names []string
	if a.compared != "" {
		names = append(names, a.compared)
	}
	for name, err := range a.Place.List(ctx, a.Ledger.Name()+"/", a.compared) {
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// errPlace says that a place did not return what it keeps.
var errPlace = errors.New("anchor: a kept file could not be read")

func (a *Anchors) against(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	data, err := a.Place.Read(ctx, name)
	if err != nil {
		return fmt.Errorf("%w: %w", errPlace, err)
	}
	return a.Ledger.Compare(ctx, audit.KeptFile{Name: name, Data: data})
}

// spine returns the spine's newest CHECKPOINT as it is to be kept, and its signed checkpoint. It checks
// that they are of this ledger and of this size, because the name under which it is kept is made from
// them.
func (a *Anchors) spine(ctx context.Context) (data, signed []byte, tree tlog.Tree, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	data, size, err := a.Ledger.Keep(ctx)
	if err != nil {
		return nil, nil, tlog.Tree{}, ErrLedger
	}
	ledger, kept, err := audit.KeptPlace(audit.KeptFile{Data: data})
	if err != nil || ledger != a.Ledger.Name() || kept != size || !fs.ValidPath(ledger) {
		return nil, nil, tlog.Tree{}, ErrLedger
	}
	signed = data[bytes.Index(data, []byte("\n\n"))+2:]
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	c, err := torchwood.ParseCheckpoint(string(text) + "\n")
	if err != nil {
		return nil, nil, tlog.Tree{}, ErrLedger
	}
	return data, signed, c.Tree, nil
}

func (a *Anchors) keep(ctx context.Context) Failure {
	data, signed, tree, err := a.spine(ctx)
	switch {
	case err != nil:
		return Failure{Reason: LedgerFailed, Err: err}
	case bytes.Equal(data, a.kept):
		return Failure{}
	case tree.N < a.size:
		return Failure{Reason: Behind, Err: ErrBehind}
	}
	file := append(bytes.Clone(data), a.cosign(ctx, signed, tree)...)
	if err := a.store(ctx, Name(a.Ledger.Name(), tree.N), file); err != nil {
		var other *ConflictError
		if !errors.As(err, &other) {
			return Failure{Reason: PlaceFailed, Err: err}
		}
		if !cosignedLater(other.Kept, data) {
			return Failure{Reason: Conflict, Err: err}
		}
	}
	a.kept, a.size, a.compared = data, tree.N, Name(a.Ledger.Name(), tree.N)
	return Failure{}
}

func (a *Anchors) store(ctx context.Context, name string, file []byte) error {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	return a.Place.Keep(ctx, name, file)
}

// cosignedLater reports whether kept is the same file with other cosignatures. Another
// server has kept it then, or this one before a restart or a lost reply. A cosignature holds a time,
// so no two are equal.
func cosignedLater(kept, file []byte) bool {
	lines, same := bytes.CutPrefix(kept, file)
	if !same {
		return false
	}
	for line := range bytes.Lines(lines) {
		if !bytes.HasPrefix(line, []byte(signatureMark)) || !bytes.HasSuffix(line, []byte("\n")) {
			return false
		}
	}
	return true
}

// prove returns the proof that a tree of the spine extends that of its first old entries. It makes the
// proof from tiles, not from the spine as it is: the spine grows meanwhile, each witness has seen another size, and
// all of them are to cosign this tree. Every hash is checked against the tree's root.
func (a *Anchors) prove(ctx context.Context, old int64, tree tlog.Tree) ([]tlog.Hash, error) {
	if old == 0 { // the empty tree needs no proof, and ProveTree refuses it
		return nil, nil
	}
	tiles := torchwood.TileHashReaderWithContext(ctx, tree, &tileReader{a.Ledger})
	proof, err := tlog.ProveTree(tree.N, old, tiles)
	if err != nil {
		return nil, fmt.Errorf("%w from size %d to %d", ErrLedger, old, tree.N)
	}
	return proof, nil
}

// tileReader reads the spine's tiles for torchwood.
type tileReader struct{ ledger Ledger }

// ReadTiles implements torchwood.TileReader.
func (r *tileReader) ReadTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	var err error
	for i, t := range tiles {
		if data[i], err = r.ledger.Tile(ctx, audit.Spine, t); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// SaveTiles implements torchwood.TileReader: nothing is kept for a next proof.
func (*tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadEndpoint implements torchwood.TileReader. Nothing asks for one here.
func (*tileReader) ReadEndpoint(context.Context, string) ([]byte, error) { return nil, ErrLedger }
