package audit

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// Tree is what a proof is made from: the hashes of a log and its signed root. What it answers is
// checked against that root.
type Tree interface {
	// Last is that of PageReader.
	Last(ctx context.Context, log string) (Page, error)
	Tiles
}

// ErrProof says that a proof does not prove the entry under the key.
var ErrProof = errors.New("audit: the proof does not hold")

// ProveEntry proves that a log holds an entry. It returns a C2SP tlog-proof v1: the index, the
// inclusion path and the latest signed checkpoint. CheckProof, or any tlog-proof verifier, checks
// it without the ledger. ErrNotFound: there is no such log or entry. A *RowError says that the
// ledger is not whole.
func ProveEntry(ctx context.Context, s Tree, log string, index int64) ([]byte, error) {
	last, err := s.Last(ctx, log)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= last.Size() {
		return nil, ErrNotFound
	}
	var proof tlog.RecordProof
	err = withHashes(ctx, s, last, func(r tlog.HashReader) (err error) {
		proof, err = tlog.ProveRecord(last.Size(), index, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return torchwood.FormatProof(index, proof, last.Checkpoint), nil
}

// ConsistencyProof proves that a log's first OldSize entries are those of an
// earlier tree (RFC 6962 section 2.1.2).
type ConsistencyProof struct {
	OldSize, NewSize int64
	Hashes           []tlog.Hash
	Checkpoint       []byte // signed, of NewSize
}

// ProveConsistency proves that a log, as it is now, extends the one of its first oldSize entries, 1
// to its size. ErrNotFound: there is no such log, or it has fewer entries. A *RowError says that
// the ledger is not whole.
func ProveConsistency(ctx context.Context, s Tree, log string, oldSize int64) (ConsistencyProof, error) {
	last, err := s.Last(ctx, log)
	if err != nil {
		return ConsistencyProof{}, err
	}
	if oldSize < 1 || oldSize > last.Size() {
		return ConsistencyProof{}, ErrNotFound
	}
	p := ConsistencyProof{OldSize: oldSize, NewSize: last.Size(), Checkpoint: last.Checkpoint}
	err = withHashes(ctx, s, last, func(r tlog.HashReader) (err error) {
		p.Hashes, err = tlog.ProveTree(p.NewSize, oldSize, r)
		return err
	})
	return p, err
}

// withHashes calls f with the hashes of the tree after a page, each checked against its root. A
// hash that fails the check makes the error a *RowError.
func withHashes(ctx context.Context, s Tree, last Page, f func(tlog.HashReader) error) error {
	tiles := &tileReader{s: s, log: last.Log, size: last.Size()}
	tree := tlog.Tree{N: last.Size(), Hash: last.Root}
	err := f(torchwood.TileHashReaderWithContext(ctx, tree, tiles))
	switch {
	case err == nil:
		return nil
	case tiles.err != nil:
		return tiles.err
	}
	return last.fault("the log's tiles or entries are not those of its root")
}

// CheckProof checks that proof is a C2SP tlog-proof of the entry with this line. It needs nothing
// but the ledger's verifier key. The error wraps ErrEntry if the line is not an entry's, and
// ErrProof if the proof does not hold.
func CheckProof(key VerifierKey, proof, line []byte) error {
	e, err := Parse(line)
	if err != nil {
		return err
	}
	v, err := key.verifier(e.Log)
	if err != nil {
		return err
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(e.Log), torchwood.SingleVerifierPolicy(v))
	if !strictBase64(proof) || torchwood.VerifyProof(policy, LeafHash(line), proof) != nil {
		return fmt.Errorf("%w for entry %s/%d", ErrProof, e.Log, e.Index)
	}
	return nil
}

// strictBase64 reports whether every word that is base64 is in canonical form. Decoders overlook
// stray bits at the end of a word, which would give one proof several spellings.
func strictBase64(text []byte) bool {
	for word := range bytes.FieldsSeq(text) {
		if _, err := base64.StdEncoding.DecodeString(string(word)); err != nil {
			continue
		}
		if _, err := base64.StdEncoding.Strict().DecodeString(string(word)); err != nil {
			return false
		}
	}
	return true
}
