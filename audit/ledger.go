package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// DefaultAppendTimeout is how long an append may take before it fails closed.
const DefaultAppendTimeout = 2 * time.Second

// openTimeout is how long a log may take to be opened. Within it a store that fails
// is asked again.
const openTimeout = 30 * time.Second

// MaxLogs is how many logs the Ledgers of a store write side by side, at most.
const MaxLogs = 64

// Config says how to open a Ledger.
type Config struct {
	// Store holds the logs. Required.
	Store Store
	// Key signs the checkpoints. Required; it must be the one that signed what the
	// store holds.
	Key Key
	// Logs is how many logs to write side by side, 1 to MaxLogs; 0 means 1. More than
	// one hides the engine's latency, as a log commits one page at a time.
	Logs int
	// AppendTimeout is the deadline of an append; 0 means DefaultAppendTimeout.
	AppendTimeout time.Duration
	// Leases keeps Ledgers in several processes from writing the same logs; nil if this
	// one has the store to itself.
	Leases Leases
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (c *Config) validate() error {
	if c.Store == nil {
		return errors.New("audit: Config.Store is required")
	}
	if c.Key.private == nil {
		return errors.New("audit: Config.Key is required")
	}
	if c.Logs < 0 || c.Logs > MaxLogs {
		return fmt.Errorf("audit: Config.Logs must be 1 to %d", MaxLogs)
	}
	if c.AppendTimeout < 0 {
		return errors.New("audit: Config.AppendTimeout must not be negative")
	}
	if c.Logs == 0 {
		c.Logs = 1
	}
	if c.AppendTimeout == 0 {
		c.AppendTimeout = DefaultAppendTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// Ledger appends entries to its logs. It is safe for concurrent use, and several
// Ledgers, in one process or many, may share a Store and its logs.
type Ledger struct {
	config  Config
	store   Store
	holder  string // of leases
	writers atomic.Pointer[[]*writer]
	next    atomic.Uint64
	late    atomic.Int64 // when an append last failed, Unix nanoseconds; 0 after one that succeeded
	closed  atomic.Bool
	run     func(*writer)      // starts a writer
	stop    context.CancelFunc // of the writers
	done    sync.WaitGroup
	release context.CancelFunc // of the leases
	renewed sync.WaitGroup
}

// ErrOtherKey says that the ledger was begun with another key.
var ErrOtherKey = errors.New("audit: the store's ledger is signed by another key")

// Open opens Config.Logs logs for writing, piinguin-1 and so on, or with
// Config.Leases those that no other Ledger holds. A new log begins with an OPEN entry
// that names the verifier key; in a month that is new to it a log is closed and the
// next of its series opened. Open fails with ErrOtherKey if the store's ledger has
// another key, and with a *RowError if a log's last page is not what was written.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	key := c.Key.Verifier()
	kept, err := c.Store.KeepVerifierKey(ctx, key.Text(KeyName))
	if err != nil {
		return nil, fmt.Errorf("audit: keep verifier key: %w", err)
	}
	if kept != key.Text(KeyName) {
		return nil, ErrOtherKey
	}
	l := &Ledger{config: c, store: c.Store, holder: newHolder()}
	writers := []*writer{}
	l.writers.Store(&writers)
	for range c.Logs {
		series, err := l.firstSeries(ctx)
		if err != nil {
			return nil, err
		}
		w, err := openWriter(ctx, c, series)
		if err != nil {
			return nil, err
		}
		writers = append(writers, w)
		l.writers.Store(&writers)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.run = func(w *writer) { l.done.Go(func() { w.run(running) }) }
	for _, w := range writers {
		l.run(w)
	}
	leasing, release := context.WithCancel(running)
	l.release = release
	if c.Leases != nil {
		l.renewed.Go(func() { l.renew(leasing) })
	}
	return l, nil
}

// Append makes the entry durable under a signed root and returns the proof of that. It
// sets Log, Index and Time of the entry.
//
// After any error the caller must do nothing that the entry would justify. ErrUnavailable
// means that the entry may not be durable: the deadline passed, or the ledger is closed.
// ErrEntry means that the entry breaks the format and was not written.
func (l *Ledger) Append(ctx context.Context, e Entry) (Durable, error) {
	r := l.AppendAll(ctx, []Entry{e})[0]
	return r.Durable, r.Err
}

// AppendAll is Append of several entries, in order, in one log; one result each.
func (l *Ledger) AppendAll(ctx context.Context, entries []Entry) []Result {
	ctx, cancel := context.WithTimeout(ctx, l.config.AppendTimeout)
	defer cancel()
	results := make([]Result, len(entries))
	items := make([]*pending, 0, len(entries))
	place := make([]int, 0, len(entries))
	for i, e := range entries {
		if err := e.validateContent(); err != nil {
			results[i].Err = err
			continue
		}
		items, place = append(items, &pending{entry: e, done: make(chan Result, 1)}), append(place, i)
	}
	if len(items) == 0 {
		return results
	}
	if err := l.enqueue(items); err != nil {
		l.note(err)
		for _, i := range place {
			results[i].Err = err
		}
		return results
	}
	for k, p := range items {
		results[place[k]] = l.await(ctx, p)
	}
	return results
}

// enqueue gives the items to the writer with the least to do. One that has closed
// has a successor, unless the ledger is closed.
func (l *Ledger) enqueue(items []*pending) error {
	for {
		err := l.idlest().enqueue(items)
		if !errors.Is(err, errWriterClosed) || l.closed.Load() {
			return err
		}
	}
}

// await waits for the entry's result until ctx is done. An entry that was not
// taken by then is never written; of one that was, nobody knows.
func (l *Ledger) await(ctx context.Context, p *pending) Result {
	select {
	case r := <-p.done:
		l.note(r.Err)
		return r
	case <-ctx.Done():
		p.taken.CompareAndSwap(false, true)
		l.note(ctx.Err())
		return Result{Err: fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())}
	}
}

// note remembers for Ready how an append went. A caller that went away says
// nothing of the ledger.
func (l *Ledger) note(err error) {
	switch {
	case err == nil:
		if l.late.Load() != 0 {
			l.late.Store(0)
		}
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		l.late.Store(l.config.Now().UnixNano())
	}
}

// idlest returns the writer with the least to do; among equals, each in turn.
func (l *Ledger) idlest() *writer {
	writers := *l.writers.Load()
	n := uint64(len(writers))
	start := l.next.Add(1)
	best := writers[start%n]
	for i := uint64(1); i < n && best.waiting.Load() > 0; i++ {
		if w := writers[(start+i)%n]; w.waiting.Load() < best.waiting.Load() {
			best = w
		}
	}
	return best
}

// lateFor is how long a failed append makes the ledger not ready. It has to
// end by itself: a server that gets no requests makes no append that succeeds.
const lateFor = 10 * time.Second

// Ready returns nil when appends can be expected to succeed: the store answers,
// no commit's outcome is unknown, and no append failed since the last success or
// within ten seconds. Else it returns ErrUnavailable.
func (l *Ledger) Ready(ctx context.Context) error {
	if late := l.late.Load(); late != 0 {
		// A clock that was ahead then and is right again must not end this in a year.
		if since := l.config.Now().Sub(time.Unix(0, late)); since.Abs() < lateFor {
			return fmt.Errorf("%w: an append failed", ErrUnavailable)
		}
	}
	writers := *l.writers.Load()
	for _, w := range writers {
		if w.troubled.Load() {
			return fmt.Errorf("%w: a commit is not confirmed", ErrUnavailable)
		}
	}
	if _, err := l.store.Last(ctx, writers[0].series); err != nil {
		return fmt.Errorf("%w: the store does not answer", ErrUnavailable)
	}
	return nil
}

// Index returns the reviewer's view of the store.
func (l *Ledger) Index() Index { return l.store }

// Checkpoint returns the latest page's signed checkpoint of a log, and the tree
// it signs. ErrNotFound: no such log.
func (l *Ledger) Checkpoint(ctx context.Context, log string) ([]byte, tlog.Tree, error) {
	last, err := l.store.Last(ctx, log)
	if err != nil {
		return nil, tlog.Tree{}, err
	}
	return last.Checkpoint, tlog.Tree{N: last.Size(), Hash: last.Root}, nil
}

// ProveEntry is the function of that name, of the ledger's store.
func (l *Ledger) ProveEntry(ctx context.Context, log string, index int64) ([]byte, error) {
	return ProveEntry(ctx, l.store, log, index)
}

// ProveConsistency is the function of that name, of the ledger's store.
func (l *Ledger) ProveConsistency(ctx context.Context, log string, oldSize int64) (ConsistencyProof, error) {
	return ProveConsistency(ctx, l.store, log, oldSize)
}

// Tile is TileData of the log as it is now.
func (l *Ledger) Tile(ctx context.Context, log string, t tlog.Tile) ([]byte, error) {
	last, err := l.store.Last(ctx, log)
	if err != nil {
		return nil, err
	}
	return TileData(ctx, l.store, log, last.Size(), t)
}

// Close writes what waits and stops. If ctx ends first, what is not written
// fails with ErrUnavailable.
func (l *Ledger) Close(ctx context.Context) error {
	l.closed.Store(true)
	l.release()
	l.renewed.Wait() // after it no writer takes another's place
	for _, w := range *l.writers.Load() {
		w.close()
	}
	finished := make(chan struct{})
	go func() { l.done.Wait(); close(finished) }()
	defer l.stop()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		l.stop()
		<-finished
		return fmt.Errorf("%w: closed before all was written", ErrUnavailable)
	}
}
