package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/audit"
)

// sideBySide is how many logs are anchored at the same time.
const sideBySide = 8

// Once keeps the latest checkpoint of every registered log that grew since its last one was kept. It
// returns when each one is kept or has failed.
func (a *Anchors) Once(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	logs, err := a.registered(ctx)
	if err != nil {
		a.report(ctx, Failure{Reason: LedgerFailed, Err: ErrLedger})
		return
	}
	var g errgroup.Group
	g.SetLimit(sideBySide)
	for i, log := range logs { // sorted, so that the logs of a series are neighbours
		p := a.logs[log]
		if p == nil {
			p = &progress{seen: make([]int64, len(a.Witnesses))}
			a.logs[log] = p
		}
		if p.final {
			continue
		}
		closed := i+1 < len(logs) && audit.SeriesOf(logs[i+1]) == audit.SeriesOf(log)
		g.Go(func() error {
			f := a.keep(ctx, log, p)
			if f.Err != nil {
				f.Log = log
				a.report(ctx, f)
			}
			p.final = closed && f.Err == nil
			return nil // the failure of one log must not stop the others
		})
	}
	_ = g.Wait()
}

// report does not report what failed because the server stops: the last round tries it again.
func (a *Anchors) report(ctx context.Context, f Failure) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		a.Report(f)
	}
}

func (a *Anchors) registered(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	return a.Ledger.Logs(ctx)
}

// checkpoint returns a log's latest checkpoint. It checks that the checkpoint is of this log and of
// this tree, because the name under which it is kept is made from them.
func (a *Anchors) checkpoint(ctx context.Context, log string) ([]byte, tlog.Tree, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	signed, tree, err := a.Ledger.Checkpoint(ctx, log)
	if err != nil {
		return nil, tlog.Tree{}, ErrLedger
	}
	text, _, found := bytes.Cut(signed, []byte("\n\n"))
	c, err := torchwood.ParseCheckpoint(string(text) + "\n")
	if !found || err != nil || c.Origin != log || c.Tree != tree ||
		strings.Contains(log, "/") || !fs.ValidPath(log) || log == "." {
		return nil, tlog.Tree{}, ErrLedger
	}
	return signed, tree, nil
}

func (a *Anchors) keep(ctx context.Context, log string, p *progress) Failure {
	signed, tree, err := a.checkpoint(ctx, log)
	switch {
	case err != nil:
		return Failure{Reason: LedgerFailed, Err: err}
	case bytes.Equal(signed, p.kept):
		return Failure{}
	case tree.N < p.size:
		return Failure{Reason: Behind, Err: ErrBehind}
	}
	note := append(bytes.Clone(signed), a.cosign(ctx, log, p, signed, tree)...)
	if err := a.store(ctx, Name(log, tree.N), note); err != nil {
		var other *ConflictError
		if !errors.As(err, &other) {
			return Failure{Reason: PlaceFailed, Err: err}
		}
		if !cosignedLater(other.Kept, signed) {
			return Failure{Reason: Conflict, Err: err}
		}
	}
	p.kept, p.size = signed, tree.N
	return Failure{}
}

func (a *Anchors) store(ctx context.Context, name string, note []byte) error {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	return a.Place.Keep(ctx, name, note)
}

// cosignedLater reports whether kept is the same signed checkpoint with other cosignatures. Another
// server has kept it then, or this one before a restart or a lost reply. A cosignature holds a time,
// so no two are equal.
func cosignedLater(kept, signed []byte) bool {
	lines, same := bytes.CutPrefix(kept, signed)
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

// prove returns the proof that a tree extends that of its first old entries. It makes the proof from
// tiles, not from the log as it is: the log grows meanwhile, each witness has seen another size, and
// all of them are to cosign this tree. Every hash is checked against the tree's root.
func (a *Anchors) prove(ctx context.Context, log string, old int64, tree tlog.Tree) ([]tlog.Hash, error) {
	if old == 0 { // the empty tree needs no proof, and ProveTree refuses it
		return nil, nil
	}
	tiles := torchwood.TileHashReaderWithContext(ctx, tree, &tileReader{a.Ledger, log})
	proof, err := tlog.ProveTree(tree.N, old, tiles)
	if err != nil {
		return nil, fmt.Errorf("%w from size %d to %d", ErrLedger, old, tree.N)
	}
	return proof, nil
}

// tileReader reads the ledger's tiles for torchwood.
type tileReader struct {
	ledger Ledger
	log    string
}

// ReadTiles implements torchwood.TileReader.
func (r *tileReader) ReadTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	var err error
	for i, t := range tiles {
		if data[i], err = r.ledger.Tile(ctx, r.log, t); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// SaveTiles implements torchwood.TileReader: nothing is kept for a next proof.
func (*tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadEndpoint implements torchwood.TileReader. Nothing asks for one here.
func (*tileReader) ReadEndpoint(context.Context, string) ([]byte, error) { return nil, ErrLedger }
