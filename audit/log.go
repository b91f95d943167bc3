package audit

import (
	"context"
	"errors"
	"iter"
)

var (
	// ErrTaken says that a page with this number exists.
	ErrTaken = errors.New("audit: page number taken")
	// ErrNotFound says that there is no such page, entry, log or key.
	ErrNotFound = errors.New("audit: not found")
	// ErrLost says that the store is lost to this process: no commit that failed can still be
	// applied, and no later one will be.
	ErrLost = errors.New("audit: the store is lost")
	// ErrUnavailable says that the entry may not be durable. The caller must not release what
	// the entry would justify.
	ErrUnavailable = errors.New("audit: unavailable")
)

// PageReader reads the pages of logs.
//
// It is safe for concurrent use. A *RowError says that a stored row is not what was written. Any
// other error but ErrNotFound is temporary, the context's included: reading again is safe. No
// error quotes a stored value.
type PageReader interface {
	// Last returns the page with the highest number. ErrNotFound: the log has no page. The
	// read is strongly consistent: it sees every Commit that returned nil before it began.
	Last(ctx context.Context, log string) (Page, error)

	// Pages yields the pages of a log in the order of their numbers, from the number from on,
	// as consistently as Last. It yields what is stored, gaps and faults included, and stops
	// after the first error. A log without pages yields nothing.
	Pages(ctx context.Context, log string, from int64) iter.Seq2[Page, error]
}

// Log stores the pages of logs. The safety of the ledger rests on one property of it: each page
// number is taken once.
//
// It is safe for concurrent use, by several processes too.
type Log interface {
	PageReader

	// Commit stores a page under its log and number, atomically and durably. ErrTaken: a page
	// with that number exists, perhaps because an earlier try of this very call was applied and
	// its reply was lost. Any other error, the context's included, leaves the outcome unknown:
	// the page may be stored, or may be stored later. The caller reads the page back to find
	// out. Committing the same page again is always safe.
	Commit(ctx context.Context, p Page) error
}

// Registry lists the logs of a ledger, and keeps its verifier key.
//
// It is safe for concurrent use, by several processes too. An error leaves the outcome of a write
// unknown, and writing again is safe.
type Registry interface {
	// Logs returns the names of the registered logs, sorted. The read is strongly consistent.
	Logs(ctx context.Context) ([]string, error)
	// Register adds a log to those that Logs returns. Registering it again changes nothing. A
	// Ledger registers a log once its OPEN page is durable, and before it takes any other entry:
	// a registered log without pages is therefore evidence.
	Register(ctx context.Context, log string) error
	// KeepVerifierKey stores a signed-note verifier key if none is stored, and returns the one
	// that is stored now. Of several concurrent calls one wins, and all return its key.
	KeepVerifierKey(ctx context.Context, key string) (string, error)
}
