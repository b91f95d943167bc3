package audit

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// derivation says how far a log is derived.
type derivation struct {
	log    LogID
	next   int64 // page
	tiler  *tiler
	lowest int64    // of the tiles of the lowest level only those with numbers below it are put
	index  *indexer // nil for none
	signer signer
}

// errPrunedAway says that pages which were to be derived, or to answer a question, have been pruned meanwhile.
var errPrunedAway = errors.New("audit: pages were pruned meanwhile")

// resumeDerivation returns the derivation of a log before what is not derived yet.
func resumeDerivation(ctx context.Context, s Backend, log LogID, by signer) (*derivation, error) {
	last, err := lastPage(ctx, s, log)
	if err != nil {
		return nil, err
	}
	live, err := liveFrom(ctx, s, log)
	if err != nil {
		return nil, err
	}
	span := rootsWidth * BundleWidth
	roots, err := countBlobs(ctx, s, log, rootsKind, live/span, last.Size()/span)
	if err != nil {
		return nil, err
	}
	at := &derivation{log: log, tiler: &tiler{}, signer: by}
	if at.index, err = resumeIndexer(ctx, log, last.Size(), live, indexWriter{s, by}); err != nil {
		return nil, err
	}
	// Of a pruned log the tiles up to its stub are there.
	size := max(min(roots*span, at.index.next), live)
	if size == 0 {
		return at, nil
	}
	p, err := searchEntry(ctx, s, last, size)
	if err != nil {
		return nil, err
	}
	at.next = p.Number
	at.tiler, err = resumeTiler(ctx, s, log, p.First)
	return at, err
}

// newDerivation returns the derivation of a whole log from its first page that was not pruned.
func newDerivation(ctx context.Context, s Backend, log LogID, by signer) (*derivation, error) {
	first, err := stubOf(ctx, s, log)
	if err != nil {
		return nil, err
	}
	at := &derivation{log: log, tiler: &tiler{}, signer: by}
	live := int64(0)
	if first.Stub {
		live, at.next = first.First, first.Number+1
		if at.tiler, err = resumeStub(ctx, s, first); err != nil {
			return nil, err
		}
	}
	at.index = newIndexer(log, indexWriter{s, by}, live, live)
	return at, nil
}

// liveFrom returns the first entry of a log that was not pruned.
func liveFrom(ctx context.Context, s PageReader, log LogID) (int64, error) {
	first, err := stubOf(ctx, s, log)
	if err != nil || !first.Stub {
		return 0, err
	}
	return first.First, nil
}

// catchUp derives all pages that are stored.
func (d *derivation) catchUp(ctx context.Context, s Backend) error { return d.upTo(ctx, s, maxIndex) }

// upTo derives the pages that are stored, up to the one with the number last.
func (d *derivation) upTo(ctx context.Context, s Backend, last int64) error {
	var pages []Page
	for p, err := range s.Pages(ctx, d.log, d.next) {
		if err != nil {
			return err
		}
		switch next := d.next + int64(len(pages)); {
		case p.Stub && p.Number >= next:
			return errPrunedAway
		case p.Number != next:
			return nil // a finding of Verify
		}
		if pages = append(pages, p); p.Number == last {
			break
		}
		if len(pages) == maxFresh {
			if err := d.read(ctx, s, pages); err != nil {
				return err
			}
			pages = pages[:0]
		}
	}
	return d.read(ctx, s, pages)
}

// read derives pages that were read, if the last of them, whose root binds the others, is signed.
func (d *derivation) read(ctx context.Context, s Backend, pages []Page) error {
	if len(pages) == 0 {
		return nil
	}
	err := d.signer.keys.with(ctx, func(t turning) error { _, err := t.headAfter(pages[len(pages)-1]); return err })
	if err != nil {
		return err
	}
	return d.derive(ctx, s, pages, true)
}

// derive puts the blobs that follow from the next pages. Of pages that were read the error is a *RowError if
// they are not those of the last one's signed root: nothing is derived, and no run signed, from rows that
// are not what was written. Those that this process has written are.
func (d *derivation) derive(ctx context.Context, s Backend, pages []Page, wereRead bool) error {
	var upper, lowest []Blob
	for i, p := range pages {
		if p.Stub {
			return errPrunedAway
		}
		full := d.tiler.addAll(leafHashes(p))
		if (len(full) > 0 || wereRead && i == len(pages)-1) && d.tiler.root() != p.Root {
			return p.fault("it or one before it is not of its root")
		}
		for _, t := range full {
			switch {
			case t.kind != tileKind(0):
				upper = append(upper, t.blob(d.log))
			case t.number < d.lowest:
				lowest = append(lowest, t.blob(d.log))
			}
		}
	}
	if err := putBlobs(ctx, s, lowest); err != nil {
		return err
	}
	for _, b := range upper { // one after the other: where roots are, all before them is too, and so are the tiles above them
		if err := s.PutBlobs(ctx, []Blob{b}); err != nil {
			return err
		}
	}
	for _, p := range pages {
		if d.index != nil {
			if err := d.index.add(ctx, p); err != nil {
				return err
			}
		}
		d.next = p.Number + 1
	}
	return nil
}

// putBlobs puts blobs in parts, so that nothing waits long for them.
func putBlobs(ctx context.Context, s Backend, blobs []Blob) error {
	for len(blobs) > 0 {
		n := min(putChunk, len(blobs))
		if err := s.PutBlobs(ctx, blobs[:n]); err != nil {
			return err
		}
		blobs = blobs[n:]
	}
	return nil
}

// indexWriter puts what an indexer makes.
type indexWriter struct {
	Backend
	by signer
}

// workers implements indexOutput. What is derived behind the commits leaves the other CPUs to them.
func (w indexWriter) workers() int { return 1 }

func (w indexWriter) blobs(ctx context.Context, blobs []Blob) error {
	return putBlobs(ctx, w.Backend, blobs)
}

func (w indexWriter) run(ctx context.Context, r *indexRun) error {
	if err := w.by.holds(ctx, w.Backend, r.log); err != nil {
		return err
	}
	return w.PutBlobs(ctx, []Blob{{r.log, runKind(r.tier), r.number, signRun(w.by.key, r.body(w.by.name))}})
}

func (t *tiler) addAll(leaves []tlog.Hash) (full []fullTile) {
	for _, leaf := range leaves {
		full = append(full, t.add(leaf)...)
	}
	return full
}

func leafHashes(p Page) []tlog.Hash {
	if p.leaves != nil {
		return p.leaves
	}
	hashes := make([]tlog.Hash, len(p.Lines))
	for i, line := range p.Lines {
		hashes[i] = LeafHash(line)
	}
	return hashes
}
