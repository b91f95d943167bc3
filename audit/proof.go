package audit

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof says that a proof does not prove the entry under the key.
var ErrProof = errors.New("audit: the proof does not hold")

// ProveEntry proves that a log holds an entry. It returns a C2SP tlog-proof v1: the index, the
// inclusion path and the latest signed checkpoint. CheckProof, or any tlog-proof verifier, checks
// it without the ledger. ErrNotFound: there is no such log or entry. A *RowError says that the
// ledger is not whole.
func ProveEntry(ctx context.Context, s Reader, log LogID, index int64) ([]byte, error) {
	last, err := lastPage(ctx, s, log)
	if err != nil {
		return nil, err
	}
	return proveIn(ctx, s, last, index)
}

// ErrNotListed says that the spine does not list an entry yet: no CHECKPOINT is of so many entries.
var ErrNotListed = errors.New("audit: not in the spine yet")

// ProveListed proves an entry in the tree that the spine lists of its log, and that tree in the spine.
// It returns the entry's proof, as ProveEntry, and the file that binds it (KeptFile). ErrNotListed: the
// newest CHECKPOINT is older than the entry.
func ProveListed(ctx context.Context, s Reader, log LogID, index int64) (proof, file []byte, err error) {
	file, _, err = Keep(ctx, s)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, ErrNotListed
	}
	if err != nil {
		return nil, nil, err
	}
	_, _, e, err := splitKept(KeptFile{Data: file})
	if err != nil {
		return nil, nil, err
	}
	trees, err := parseTrees(e.Checkpoint)
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(trees, func(t LogTree) bool { return t.Log == log })
	if i < 0 || index >= trees[i].N {
		return nil, nil, ErrNotListed
	}
	p, err := pageOf(ctx, s, log, trees[i].N-1)
	if errors.Is(err, ErrNotFound) { // pruned since: the stub has the tree
		p, err = stubOf(ctx, s, log)
	}
	if err == nil && p.Tree() != trees[i].Tree {
		err = p.fault("its tree is not the one that the spine lists")
	}
	if err != nil {
		return nil, nil, err
	}
	proof, err = proveIn(ctx, s, p, index)
	return proof, file, err
}

// CheckListed checks that a kept file lists the very tree in which a proof, that CheckProof has found
// to hold, proves the line. It returns the CHECKPOINT. The error is ErrKept, or wraps ErrProof.
func CheckListed(key VerifierKey, proof, line []byte, f KeptFile) (Entry, error) {
	spineLine, spineProof, listed, err := splitKept(f)
	if err != nil {
		return Entry{}, err
	}
	e, err := Parse(line)
	if err != nil {
		return Entry{}, err
	}
	if e.Ledger != listed.Ledger {
		return Entry{}, fmt.Errorf("%w: the checkpoint is of another ledger", ErrProof)
	}
	if err := CheckProof(key, spineProof, spineLine); err != nil {
		return Entry{}, err
	}
	tree, err := proofTree(proof, Origin(e.Ledger, e.Log))
	if err != nil {
		return Entry{}, fmt.Errorf("%w: it has no checkpoint", ErrProof)
	}
	trees, err := parseTrees(listed.Checkpoint)
	if err != nil || !slices.Contains(trees, LogTree{e.Log, tree}) {
		return Entry{}, fmt.Errorf("%w: the checkpoint does not list the tree of the proof", ErrProof)
	}
	return listed, nil
}

// proveIn proves that the log held the entry after a page.
func proveIn(ctx context.Context, s Reader, last Page, index int64) ([]byte, error) {
	if index < 0 || index >= last.Size() {
		return nil, ErrNotFound
	}
	var err error
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
func ProveConsistency(ctx context.Context, s Reader, log LogID, oldSize int64) (ConsistencyProof, error) {
	last, err := lastPage(ctx, s, log)
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
func withHashes(ctx context.Context, s Reader, last Page, f func(tlog.HashReader) error) error {
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

// rootOf returns the root of a log's first size entries, which the page must not come before.
func rootOf(ctx context.Context, s Reader, last Page, size int64) (root tlog.Hash, err error) {
	err = withHashes(ctx, s, last, func(r tlog.HashReader) (err error) { root, err = tlog.TreeHash(size, r); return err })
	return root, err
}

// CheckProof checks that proof is a C2SP tlog-proof of the entry with this line. It needs nothing
// but the ledger's verifier key. The error wraps ErrEntry if the line is not an entry's, and
// ErrProof if the proof does not hold.
func CheckProof(key VerifierKey, proof, line []byte) error {
	e, err := Parse(line)
	if err != nil {
		return err
	}
	origin := Origin(e.Ledger, e.Log)
	v, err := key.verifier(origin)
	if err != nil {
		return err
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(v))
	index := fmt.Appendf(nil, "\nindex %d\n", e.Index) // a decoder takes 07 for 7 as well
	if !bytes.Contains(proof, index) || !strictBase64(proof) || torchwood.VerifyProof(policy, LeafHash(line), proof) != nil {
		return fmt.Errorf("%w for entry %s", ErrProof, e.Place())
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
