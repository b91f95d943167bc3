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

// ErrProof says that a proof does not prove the entry under the key.
var ErrProof = errors.New("audit: the proof does not hold")

// ProveEntry proves that a log holds an entry: a C2SP tlog-proof v1 with the
// index, the inclusion path and the latest signed checkpoint. CheckProof and any
// tlog-proof verifier check it without the ledger. ErrNotFound: no such log or
// entry. A *RowError says that the ledger is not whole.
func ProveEntry(ctx context.Context, s Store, log string, index int64) ([]byte, error) {
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

// ProveConsistency proves that the log of now extends the one of oldSize entries,
// 1 to its size. ErrNotFound: no such log, or it has fewer entries.
func ProveConsistency(ctx context.Context, s Store, log string, oldSize int64) (ConsistencyProof, error) {
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

// withHashes gives the hashes of the tree after a page, each checked against its
// root. What fails that check is evidence.
func withHashes(ctx context.Context, s Store, last Page, f func(tlog.HashReader) error) error {
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

// CheckProof checks, with nothing but the ledger's verifier key, that proof is a
// C2SP tlog-proof of the entry with this line. The error wraps ErrEntry if the
// line is none, else ErrProof.
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

// strictBase64 reports whether no word of the text is base64 with stray bits at its
// end, which decoders overlook: a proof has one form only.
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
