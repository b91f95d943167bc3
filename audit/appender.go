package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The wait before the outcome of a commit is looked up again. It doubles from the first to the
// last, and varies by half at random, so that servers do not retry in step.
const (
	firstRetry = 10 * time.Millisecond
	lastRetry  = time.Second
)

// appender writes the pages of one log, one at a time. If two were in flight, and the later one were
// stored and the earlier one not, the log would have a gap that nobody may fill.
type appender struct {
	store     Backend
	ledger    string
	key       Key
	now       func() time.Time
	commitFor time.Duration          // how long one call to the store may take
	halted    *atomic.Pointer[error] // why nothing more is signed; it holds nil as long as anything may be

	head    head                  // used by whoever appends
	seen    time.Time             // when the head was last known to be the log's end
	trouble atomic.Pointer[error] // why the outcome of a commit is not known at the moment; nil if it is
}

// newAppender returns the appender of a log before it is opened.
func newAppender(s Backend, i identity, log LogID, now func() time.Time) *appender {
	return &appender{
		store: s, ledger: i.name, key: i.key, now: now, commitFor: DefaultAppendTimeout,
		halted: &atomic.Pointer[error]{}, head: newHead(i.name, log, i.key.Verifier()),
	}
}

// ErrRotated says that the ledger's key was rotated: who has the old one must not write any more.
var ErrRotated = fmt.Errorf("%w: its key was rotated, and this is the old one", ErrOtherKey)

// ErrRenamed says that the ledger goes on under another name since this process opened it.
var ErrRenamed = errors.New("audit: the ledger goes on under another name: start again")

// page makes the next page. ErrRotated, ErrRenamed: another process has changed the key or the name. Any
// other error says why the ledger signs nothing more (Ledger.Halt), or what breaks the rules.
func (a *appender) page(drafts []*draft, now time.Time) (Page, head, error) {
	if why := a.halted.Load(); why != nil {
		return Page{}, head{}, *why
	}
	switch {
	case !a.head.key.Equal(a.key.Verifier()):
		return Page{}, head{}, ErrRotated
	case a.head.ledger != a.ledger:
		return Page{}, head{}, ErrRenamed
	}
	return a.head.nextPage(drafts, now, a.key)
}

// single makes the next page of one of the ledger's own entries.
func (a *appender) single(e Entry) (Page, head, error) {
	d, err := newDraft(e)
	if err != nil {
		return Page{}, head{}, err
	}
	return a.page([]*draft{&d}, a.now())
}

// write commits the page, and returns true once it is durable. It returns false if another writer
// took the page's number; the head then follows that writer's pages. After a failed commit the
// outcome is unknown until the page is read back. Until then no other page is tried, because the
// failed one may still arrive. An error means that the writer has to stop: ctx is done, or the log
// is not what was written.
func (a *appender) write(ctx context.Context, page Page) (ours bool, err error) {
	err = a.persist(ctx, func(ctx context.Context) error {
		err := a.try(ctx, func(ctx context.Context) error { return a.store.Commit(ctx, page) })
		if err == nil {
			ours = true
			return nil
		}
		unknown := a.try(ctx, func(ctx context.Context) (err error) { ours, err = a.adopt(ctx, page); return err })
		if unknown != nil {
			return fmt.Errorf("%w: %w", unknown, err) // and why the commit itself failed
		}
		return nil
	})
	return ours, err
}

// persist calls f until it succeeds, finds a row that is not what was written, hears that the store
// is lost, or ctx is done. It never gives up by itself, however long the store is away: the writer
// could not go on without knowing the outcome.
func (a *appender) persist(ctx context.Context, f func(context.Context) error) error {
	defer a.trouble.Store(nil)
	waits := &backoff.ExponentialBackOff{
		InitialInterval: firstRetry, MaxInterval: lastRetry, Multiplier: 2, RandomizationFactor: 0.5,
	}
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = f(ctx)
		var row *RowError
		if errors.As(last, &row) || errors.Is(last, ErrLost) {
			return struct{}{}, backoff.Permanent(last)
		}
		if last == nil {
			a.trouble.Store(nil)
			return struct{}{}, nil
		}
		now := last
		a.trouble.Store(&now)
		return struct{}{}, last
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(0)) // 0: no limit
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), last)
	}
	return err
}

// try calls f within the time that one call to the store may take.
func (a *appender) try(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.commitFor)
	defer cancel()
	return f(ctx)
}

// adopt reads back the page with the page's number, and those after it. It returns true if that is
// the page itself. It returns false if it is another writer's, and moves the head past that
// writer's pages. ErrNotFound: no page with the number is stored yet.
func (a *appender) adopt(ctx context.Context, page Page) (bool, error) {
	head := a.head
	for got, err := range a.store.Pages(ctx, page.Log, page.Number) {
		if err != nil {
			return false, err
		}
		if got.same(page) {
			return true, nil
		}
		if head, err = head.follow(got); err != nil {
			return false, err
		}
	}
	if head.number == page.Number {
		return false, ErrNotFound
	}
	a.head = head
	return false, nil
}

// Pruning makes the numbers of pages free again, and a page under such a number would count as removed.
// So a writer that has not seen the log's end for staleAfter looks at it before it commits, and Prune
// leaves all pages that are younger than freshFor. The difference is for clocks that differ. A writer that
// stood still between looking and committing tells nobody that the entries of its page are durable.
const (
	staleAfter = time.Minute
	freshFor   = time.Hour
)

// errLate says that a page was committed so long after its writer looked that it may count as removed.
var errLate = fmt.Errorf("%w: the commit took too long", ErrUnavailable)

// refresh looks at the log's end again if that was long ago.
func (a *appender) refresh(ctx context.Context, now time.Time) error {
	if now.Sub(a.seen).Abs() < staleAfter {
		return nil
	}
	err := a.persist(ctx, func(ctx context.Context) error { return a.try(ctx, a.catchUp) })
	if err == nil {
		a.seen = now
	}
	return err
}

// catchUp moves the head past the pages that other writers have committed.
func (a *appender) catchUp(ctx context.Context) error {
	for p, err := range a.store.Pages(ctx, a.head.log, a.head.number) {
		if err != nil {
			return err
		}
		if p.Stub || p.Number > a.head.number {
			stub, err := stubOf(ctx, a.store, a.head.log)
			if err != nil {
				return err
			}
			if stub.Stub && stub.Number >= a.head.number { // the pages between were pruned
				return a.resume(ctx)
			}
		}
		if a.head, err = a.head.follow(p); err != nil {
			return err
		}
	}
	return nil
}

// open puts the head at the end of the log, or begins the log with its OPEN if it has no page. A log that
// the spine lists has pages: beginning it again would hide that all are gone.
func (a *appender) open(ctx context.Context, listed bool) error {
	a.seen = a.now()
	err := a.resume(ctx)
	if err == nil && listed && a.head.number == 0 {
		return &RowError{PageRow(a.head.log, 0), "missing, though the spine lists the log"}
	}
	for err == nil && a.head.number == 0 {
		err = a.add(ctx, Entry{Operation: Opened, Outcome: Granted, Reference: a.key.Verifier().Text(a.head.ledger)})
	}
	return err
}

// turns reports whether a page's entry changes the key or the name of what comes after it.
func turns(entries []Entry) bool {
	return len(entries) == 1 && (entries[0].Operation == Rekeyed || entries[0].Operation == RolledBack)
}

// add writes a page of one of the ledger's own entries, or adopts what another writer put in its
// place.
func (a *appender) add(ctx context.Context, e Entry) error {
	page, after, err := a.single(e)
	if err != nil {
		return err
	}
	ours, err := a.write(ctx, page)
	if err != nil {
		return fmt.Errorf("audit: write to log %s: %w", a.head.log, err)
	}
	if ours {
		a.head = after
	}
	return nil
}

// resume puts the head after the log's last page. A log that has none is left at its begin.
func (a *appender) resume(ctx context.Context) error {
	h, err := logEnd(ctx, a.store, a.head.log, a.ledger, a.key.Verifier())
	if err == nil && h.number > 0 {
		a.head = h
	}
	return err
}

// logEnd returns the head after a log's last page, for a ledger that has a name and a key by then. The head of a
// log without a page has the number 0. It trusts the page before that one for everything older, and checks the
// last one against it: the last page alone cannot show that its own lines were changed. In the spine it begins at
// the newest CHECKPOINT, which says what was listed.
func logEnd(ctx context.Context, s Backend, log LogID, ledger string, key VerifierKey) (head, error) {
	begin := newHead(ledger, log, key)
	last, err := lastPage(ctx, s, log)
	if errors.Is(err, ErrNotFound) {
		return begin, nil
	}
	from := max(last.Number-1, 0)
	if err == nil && log == Spine {
		var p Page
		p, err = newestCheckpoint(ctx, s, last)
		from = max(p.Number-1, 0)
	}
	var pages []Page
	if err == nil {
		pages, err = some(ctx, s, log, from, last.Number)
	}
	var row *RowError
	if errors.As(err, &row) {
		return begin, err
	}
	if err != nil {
		return begin, fmt.Errorf("audit: read the last pages of log %s: %w", log, err)
	}
	if len(pages) == 0 || pages[0].Number != from {
		return begin, &RowError{PageRow(log, from), "missing"}
	}
	h, err := begin.through(pages)
	if err != nil {
		return begin, err
	}
	if h.number <= last.Number {
		return begin, &RowError{PageRow(log, h.number), "missing"}
	}
	if !h.key.Equal(key) || h.ledger != ledger {
		return begin, last.fault("after it the log has another key or name")
	}
	return h, nil
}

// through returns the head after pages at the end of a log. Where one of them changes the name or the
// key, those before it have the ones that it says.
func (h head) through(pages []Page) (head, error) {
	for _, p := range slices.Backward(pages[min(1, len(pages)):]) {
		entries, err := p.Entries()
		if err != nil {
			return head{}, err
		}
		if before, _, is := rekeying(entries); is {
			h.key = before
		}
		if len(entries) == 1 && entries[0].Operation == RolledBack {
			h.ledger = entries[0].Reference
		}
	}
	for i, p := range pages {
		var err error
		if i == 0 && (p.Number > 0 || p.Stub) {
			h, err = headAfter(p, h.ledger, h.key)
		} else {
			h, err = h.follow(p)
		}
		if err != nil {
			return head{}, err
		}
	}
	return h, nil
}
