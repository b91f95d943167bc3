package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Ledger appends entries to its logs. It is safe for concurrent use. Several Ledgers, in one process
// or in many, may share a store and its logs.
type Ledger struct {
	config  Config
	store   Backend
	name    string
	holder  string // this ledger's name for its leases
	spine   *registrar
	derived *deriver
	index   *Index
	writers atomic.Pointer[[]*writer]
	demand  demand        // of all appends
	first   atomic.Uint64 // the writer that choose begins with
	late    atomic.Int64  // time of the last failed append in Unix nanoseconds; 0 after one that succeeded
	closed  atomic.Bool
	halted  atomic.Pointer[error] // why nothing more is signed; nil if it is
	run     func(*writer)         // starts a writer
	stop    context.CancelFunc    // of the writers
	done    sync.WaitGroup
	release context.CancelFunc // of the leases, the spine's period and deriving
	behind  sync.WaitGroup     // what runs behind the commits
}

var (
	// ErrOtherKey says that the ledger in the store belongs to another key.
	ErrOtherKey = errors.New("audit: the store's ledger is signed by another key")
	// ErrOtherName says that the ledger in the store has another name.
	ErrOtherName = errors.New("audit: the store's ledger has another name, which it keeps")
)

// Open opens Config.Logs logs for writing: 1 and so on, or with Config.Leases those that no other
// Ledger holds. A new log begins with an OPEN entry, which names the verifier key, and takes no other
// entry before the spine lists it.
//
// The error is ErrOtherKey if the ledger in the store belongs to another key, ErrOtherName if it has
// another name, and ErrFormat if it is of another format. It is a *RowError if a log's last page is
// not what was written, or a log has less than the spine lists: a Ledger adds nothing to a broken log.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	name, err := keepName(ctx, c)
	if err != nil {
		return nil, err
	}
	l := &Ledger{config: c, store: c.Store, name: name, holder: newHolder(), demand: demand{start: time.Now()}}
	keys := &keyring{reader: c.Store, known: turning{[]string{name}, []VerifierKey{c.Key.Verifier()}}}
	l.derived = newDeriver(c.Store, signer{identity{name, c.Key}, keys})
	l.index = newIndex(c.Store.Reviews(), keys)
	l.spine = &registrar{appender: l.newAppender(Spine)}
	if err := l.openSpine(ctx); err != nil {
		return nil, err
	}
	writers := []*writer{}
	l.writers.Store(&writers)
	for range c.Logs {
		log, err := l.firstLog(ctx)
		if err != nil {
			return nil, err
		}
		w, err := l.openWriter(ctx, log)
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
	behind, release := context.WithCancel(running)
	l.release = release
	l.behind.Go(func() { l.keepSpine(behind) })
	l.behind.Go(func() { l.derived.run(behind) })
	l.behind.Go(func() { l.deriveOthers(behind) })
	if c.Leases != nil {
		l.behind.Go(func() { l.renew(behind) })
	}
	return l, nil
}

// Name returns the ledger's name.
func (l *Ledger) Name() string { return l.name }

// Halt makes the ledger sign nothing more: from the next page on every append, CHECKPOINT, PRUNE and HOLD
// fails with why. It is for a ledger that is found to be an older copy, whose next checkpoint would
// contradict one that was signed before. Only a new Ledger signs again.
func (l *Ledger) Halt(why error) { l.halted.Store(&why) }

// DeriveLag returns for how long the oldest entry of this Ledger that is not derived has waited: tiles and
// the index follow behind the commits. Questions about entries are complete all the same.
func (l *Ledger) DeriveLag() time.Duration { return l.derived.lag() }

// Close writes the entries that wait, puts the trees of the logs into the spine, and stops. If ctx
// ends first, the entries that are not written by then fail with ErrUnavailable, and so does Close.
func (l *Ledger) Close(ctx context.Context) error {
	l.closed.Store(true)
	l.release()
	l.behind.Wait() // from here on no writer is replaced
	for _, w := range *l.writers.Load() {
		w.close()
	}
	finished := make(chan struct{})
	go func() { l.done.Wait(); close(finished) }()
	defer l.stop()
	select {
	case <-finished:
	case <-ctx.Done():
		l.stop()
		<-finished
		return fmt.Errorf("%w: closed before all was written", ErrUnavailable)
	}
	if err := l.checkpoint(ctx); err != nil && l.halted.Load() == nil {
		return fmt.Errorf("%w: closed without the last CHECKPOINT: %w", ErrUnavailable, err)
	}
	return nil
}
