package audit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxFresh       = 64 // pages of a log kept in memory until they are derived
	putChunk       = 25 // blobs put at once
	firstDeriveTry = time.Second
	lastDeriveTry  = 10 * time.Second
)

// deriver keeps full tiles as blobs, behind the commits: what it writes follows from pages, so no
// append waits for it, and when it fails nothing is lost. Several servers may derive one log.
type deriver struct {
	store Backend
	wake  chan struct{}

	mu    sync.Mutex
	fresh map[LogID][]Page // committed here and not yet derived
	logs  map[LogID]*derivation
}

// derivation says how far a log is derived.
type derivation struct {
	log   LogID
	next  int64 // page
	tiler *tiler
}

func newDeriver(s Backend) *deriver {
	return &deriver{store: s, wake: make(chan struct{}, 1), fresh: map[LogID][]Page{}, logs: map[LogID]*derivation{}}
}

// watch has a log derived from where its tiles end.
func (d *deriver) watch(log LogID) {
	d.mu.Lock()
	if _, known := d.logs[log]; !known {
		d.logs[log] = nil
	}
	d.mu.Unlock()
	d.ring()
}

// add hands over a page that was committed here, so that it need not be read.
func (d *deriver) add(p Page) {
	d.mu.Lock()
	if len(d.fresh[p.Log]) < maxFresh {
		d.fresh[p.Log] = append(d.fresh[p.Log], p)
	}
	d.mu.Unlock()
	d.ring()
}

func (d *deriver) ring() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run derives until ctx is done. When the store fails it waits and tries again.
func (d *deriver) run(ctx context.Context) {
	for ctx.Err() == nil {
		_, _ = backoff.Retry(ctx, func() (struct{}, error) {
			return struct{}{}, d.all(ctx)
		}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval: firstDeriveTry, Multiplier: 2, MaxInterval: lastDeriveTry, RandomizationFactor: 0.5,
		})) // only the end of ctx is left as an error
		select {
		case <-ctx.Done():
		case <-d.wake:
		}
	}
}

// all derives what was committed to the logs that are watched.
func (d *deriver) all(ctx context.Context) error {
	d.mu.Lock()
	logs := make([]LogID, 0, len(d.logs))
	for log := range d.logs {
		logs = append(logs, log)
	}
	d.mu.Unlock()
	for _, log := range logs {
		if err := d.one(ctx, log); err != nil {
			return err
		}
	}
	return nil
}

func (d *deriver) one(ctx context.Context, log LogID) error {
	d.mu.Lock()
	at := d.logs[log]
	d.mu.Unlock()
	begun := at != nil
	if !begun {
		var err error
		if at, err = resumeDerivation(ctx, d.store, log); err != nil {
			return err
		}
	}
	pages, gap := d.take(log, at.next)
	var err error
	if gap || !begun {
		err = at.catchUp(ctx, d.store)
	} else {
		err = at.derive(ctx, d.store, pages)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var row *RowError
	switch d.logs[log] = at; {
	case errors.As(err, &row): // a finding of Verify
		delete(d.logs, log)
		return nil
	case err != nil:
		d.logs[log] = nil // begin again: what was put may be more or less than the tiler says
	}
	return err
}

// take returns the pages that were handed over from the number next on. gap says that they do not
// follow on it, or are not all.
func (d *deriver) take(log LogID, next int64) (pages []Page, gap bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := d.fresh[log]
	delete(d.fresh, log)
	for len(fresh) > 0 && fresh[0].Number < next {
		fresh = fresh[1:]
	}
	for i, p := range fresh {
		if p.Number != next+int64(i) {
			return nil, true
		}
	}
	return fresh, len(fresh) == maxFresh
}

// resumeDerivation returns the derivation of a log before its last full tile, or some before it: the
// blobs that were put at once may be there in part.
func resumeDerivation(ctx context.Context, s Backend, log LogID) (*derivation, error) {
	last, err := lastPage(ctx, s, log)
	if err != nil {
		return nil, err
	}
	tiles, err := countTiles(ctx, s, log, last.Size()/BundleWidth)
	if err != nil {
		return nil, err
	}
	size := max(tiles-putChunk, 0) * BundleWidth
	first, err := stubOf(ctx, s, log)
	if err != nil {
		return nil, err
	}
	size = max(size, first.First) // of a pruned log the tiles up to its stub are there
	at := &derivation{log: log}
	if size == 0 {
		at.tiler = &tiler{}
		return at, nil
	}
	p, err := search(ctx, s, last, func(p Page) bool { return p.Size() > size })
	if err != nil {
		return nil, err
	}
	at.next = p.Number
	at.tiler, err = resumeTiler(ctx, s, log, p.First)
	return at, err
}

// countTiles returns how many of a log's full tiles of the lowest level are kept, up to a number. They
// are put in their order, so a binary search finds it.
func countTiles(ctx context.Context, s BlobReader, log LogID, most int64) (int64, error) {
	low, high := int64(0), most // all below low are there, and none from high on
	for low < high {
		middle := low + (high-low)/2
		there := false
		for b, err := range s.Blobs(ctx, log, tileKind(0), middle) {
			if err != nil {
				return 0, err
			}
			there = b.Number == middle
			break
		}
		if there {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// catchUp derives all pages that are stored.
func (d *derivation) catchUp(ctx context.Context, s Backend) error {
	var pages []Page
	for p, err := range s.Pages(ctx, d.log, d.next) {
		if err != nil {
			return err
		}
		if p.Number != d.next+int64(len(pages)) {
			break // a finding of Verify
		}
		if pages = append(pages, p); len(pages) == maxFresh {
			if err := d.derive(ctx, s, pages); err != nil {
				return err
			}
			pages = pages[:0]
		}
	}
	return d.derive(ctx, s, pages)
}

// derive puts the tiles that the next pages fill. The error is a *RowError if they are not those of the
// pages' signed roots: nothing is derived from rows that are not what was written.
func (d *derivation) derive(ctx context.Context, s Backend, pages []Page) error {
	var blobs []Blob
	for _, p := range pages {
		d.next = p.Number + 1
		if p.Stub { // pages before it are what pruning has not removed yet
			var err error
			if d.tiler, err = resumeStub(ctx, s, p); err != nil {
				return err
			}
			continue
		}
		full := d.tiler.addAll(leafHashes(p))
		if len(full) > 0 && d.tiler.root() != p.Root {
			return p.fault("it or one before it is not of its root")
		}
		for _, t := range full {
			blobs = append(blobs, tileBlob(d.log, t))
		}
	}
	for len(blobs) > 0 {
		n := min(putChunk, len(blobs))
		if err := s.PutBlobs(ctx, blobs[:n]); err != nil {
			return err
		}
		blobs = blobs[n:]
	}
	return nil
}

func (t *tiler) addAll(leaves []tlog.Hash) (full []fullTile) {
	for _, leaf := range leaves {
		full = append(full, t.add(leaf)...)
	}
	return full
}

func leafHashes(p Page) []tlog.Hash {
	hashes := make([]tlog.Hash, len(p.Lines))
	for i, line := range p.Lines {
		hashes[i] = LeafHash(line)
	}
	return hashes
}
