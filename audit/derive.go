package audit

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	maxFresh       = 64                    // pages of a log kept in memory until they are derived
	gather         = 10 * time.Millisecond // how long pages may wait for more of them, which costs less than each alone
	putChunk       = 25                    // blobs put at once
	firstDeriveTry = time.Second
	lastDeriveTry  = 10 * time.Second
)

// deriver keeps what is derived from pages as blobs: tiles and roots of them, and the index. It works behind the
// commits: no append waits for it, and when it fails nothing is lost. Several servers may derive one log.
type deriver struct {
	store  Backend
	signer signer
	wake   chan struct{}

	mu    sync.Mutex
	fresh map[LogID][]Page // committed here and not yet derived
	logs  map[LogID]*derivation
	since map[LogID]time.Time // when the oldest page of a log that waits was committed
}

// signer signs the runs of the index.
type signer struct {
	identity
	keys *keyring
}

// holds returns ErrRotated or ErrRenamed if another process has changed the key or the name of a log. The log's
// end tells: a server that derives its own pages reads nothing that would.
func (s signer) holds(ctx context.Context, r PageReader, log LogID) error {
	last, err := lastPage(ctx, r, log)
	if err != nil {
		return err
	}
	if _, err := last.signed(s.name, []VerifierKey{s.key.Verifier()}); err == nil {
		return nil
	}
	turns, err := storedTurns(ctx, s.keys.reader)
	switch {
	case err != nil:
		return err
	case !turns.key().Equal(s.key.Verifier()):
		return ErrRotated
	case turns.name() != s.name:
		return ErrRenamed
	}
	return nil // the page is not what was written: a finding of Verify
}

func newDeriver(s Backend, by signer) *deriver {
	return &deriver{store: s, signer: by, wake: make(chan struct{}, 1), fresh: map[LogID][]Page{}, logs: map[LogID]*derivation{}, since: map[LogID]time.Time{}}
}

// lag returns for how long the oldest page that waits has waited.
func (d *deriver) lag() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	var longest time.Duration
	for _, since := range d.since {
		longest = max(longest, time.Since(since))
	}
	return longest
}

// watch has a log derived from where what is derived ends.
func (d *deriver) watch(log LogID) {
	d.mu.Lock()
	d.logs[log] = nil
	d.mu.Unlock()
	d.ring()
}

// add hands over a page that was committed here, so that it need not be read.
func (d *deriver) add(p Page) {
	d.mu.Lock()
	if len(d.fresh[p.Log]) < maxFresh {
		d.fresh[p.Log] = append(d.fresh[p.Log], p)
	}
	if _, waits := d.since[p.Log]; !waits {
		d.since[p.Log] = time.Now() // monotonic, unlike the page's time
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
		select {
		case <-ctx.Done():
		case <-time.After(gather):
		}
	}
}

// all derives what was committed to the logs that are watched.
func (d *deriver) all(ctx context.Context) error {
	d.mu.Lock()
	logs := slices.Sorted(maps.Keys(d.logs))
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
		if at, err = resumeDerivation(ctx, d.store, log, d.signer); err != nil {
			return d.ended(log, nil, err)
		}
	}
	began := time.Now()
	pages, gap := d.take(log, at.next)
	var err error
	if gap || !begun {
		err = at.catchUp(ctx, d.store)
	} else {
		err = at.derive(ctx, d.store, pages, false)
	}
	if err == nil {
		d.caughtUp(log, began)
	}
	return d.ended(log, at, err)
}

// caughtUp notes that all pages that were committed to a log before a time are derived.
func (d *deriver) caughtUp(log LogID, began time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if delete(d.since, log); len(d.fresh[log]) > 0 {
		d.since[log] = began
	}
}

// ended keeps how far a log is derived now. After an error it begins again: what was put may be more or
// less than it says.
func (d *deriver) ended(log LogID, at *derivation, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var row *RowError
	switch {
	case errors.As(err, &row), // a finding of Verify
		errors.Is(err, ErrRotated), errors.Is(err, ErrRenamed): // what this server signs would replace runs that count
		delete(d.logs, log)
		return nil
	case errors.Is(err, errPrunedAway):
		d.logs[log] = nil
		d.ring()
		return nil
	case err != nil:
		at = nil
	}
	d.logs[log] = at
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
