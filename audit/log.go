package audit

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrTaken says that a page of this number exists.
	ErrTaken = errors.New("audit: page number taken")
	// ErrNotFound says that there is no such page, entry, log or key.
	ErrNotFound = errors.New("audit: not found")
	// ErrUnavailable says that it is not known to be durable: nothing that it
	// would justify may happen.
	ErrUnavailable = errors.New("audit: unavailable")
)

// RowError names a stored row that is not what was written. It is evidence, or
// a broken disk; never a passing fault.
type RowError struct {
	Row     string // as PageRow and EntryRow name it, or as the driver's package doc says
	Problem string // fixed text; never a stored value
}

// Error implements error.
func (e *RowError) Error() string { return "audit: " + e.Row + ": " + e.Problem }

// PageRow names a page in findings.
func PageRow(log string, number int64) string { return fmt.Sprintf("page %s/%d", log, number) }

// EntryRow names an entry in findings.
func EntryRow(log string, index int64) string { return fmt.Sprintf("entry %s/%d", log, index) }

// TileRow names a full tile in findings.
func TileRow(log string, level int, number int64) string {
	return fmt.Sprintf("tile %s/%d/%d", log, level, number)
}

// LogRow names a log's registration in findings.
func LogRow(log string) string { return fmt.Sprintf("log %q", log) }

// KeyRow names the row of the kept verifier key in findings.
const KeyRow = "verifier key"

// Log keeps the pages of logs. It is the only thing that a commit needs, and its
// safety rests on one property: a page number is taken once.
//
// It is safe for concurrent use, by several processes too. Errors hold no
// stored value; a passing fault is any error that is none of those named here.
type Log interface {
	// Commit stores a page under its log and number, atomically and durably.
	// ErrTaken: that number exists, perhaps because an earlier try of this very
	// call was applied and its reply lost. Any other error, the context's
	// included, is an unknown outcome: the page may be there, or come to be there
	// later. Committing the same page again is always safe.
	Commit(ctx context.Context, p Page) error

	// Last returns the page with the highest number, or ErrNotFound if the log has none. It is
	// strongly consistent: it sees every Commit that returned nil before it began.
	Last(ctx context.Context, log string) (Page, error)

	// Pages yields the pages of a log in the order of their numbers, beginning at
	// the number from, as consistently as Last. It yields what is there, gaps and
	// faults included, and ends after the first error.
	Pages(ctx context.Context, log string, from int64) iter.Seq2[Page, error]
}

// Index answers a reviewer's questions. Answers are complete: they hold every
// entry whose Append returned before the question was asked.
type Index interface {
	// List returns up to q.Limit entries that match, newest first.
	List(ctx context.Context, q Query) ([]Entry, error)
	// Entry returns one entry, or ErrNotFound if there is none or it was pruned.
	Entry(ctx context.Context, log string, index int64) (Entry, error)
	// Logs returns the names of the registered logs, sorted.
	Logs(ctx context.Context) ([]string, error)
}

// Store is what an engine's driver implements.
type Store interface {
	Log
	Index
	Tiles

	// Register makes a log known to Logs. Registering again changes nothing. The
	// Ledger registers a log that has its OPEN page, before it takes any other entry.
	Register(ctx context.Context, log string) error
	// KeepVerifierKey keeps a signed-note verifier key beside the logs, unless one
	// is kept, and returns the one that is kept.
	KeepVerifierKey(ctx context.Context, key string) (string, error)
	// VerifierKey returns the kept key, or ErrNotFound.
	VerifierKey(ctx context.Context) (string, error)
	// Prune takes away the lines of pages of a closed log that Page.Prune takes away,
	// and everything derived from them. It gets whole pages, as Pages yields them, and leaves
	// their hashes, edges, roots and checkpoints as they are. Doing it again is safe,
	// and is what completes one that was interrupted.
	Prune(ctx context.Context, pages []Page) error
	// Audit looks through the rows that are not pages but must agree with them:
	// rows that belong to no page, the registry, everything derived. It calls found
	// for each row that is wrong and returns the names of all logs that have a row of any
	// kind, registered or not, sorted. An error means that it could not look.
	Audit(ctx context.Context, found func(*RowError)) ([]string, error)
}

// Query selects entries; zero fields select everything.
type Query struct {
	From, To      time.Time // From <= entry time < To
	ModifiedValue string
	Caller        string
	Basis         string
	Operation     Operation
	Outcome       Outcome
	Before        *Position // only entries further back than this one
	Limit         int       // at least 1
}

// Match reports whether the entry is selected.
func (q Query) Match(e Entry) bool {
	return (q.From.IsZero() || !e.Time.Before(q.From)) &&
		(q.To.IsZero() || e.Time.Before(q.To)) &&
		(q.ModifiedValue == "" || e.ModifiedValue == q.ModifiedValue) &&
		(q.Caller == "" || e.Caller == q.Caller) &&
		(q.Basis == "" || e.Basis == q.Basis) &&
		(q.Operation == "" || e.Operation == q.Operation) &&
		(q.Outcome == "" || e.Outcome == q.Outcome) &&
		(q.Before == nil || e.Position().Compare(*q.Before) < 0)
}

// Position is an entry's place among the entries of all logs: by time, then by
// log, then by index.
type Position struct {
	Time  time.Time
	Log   string
	Index int64
}

// Position returns the entry's place.
func (e Entry) Position() Position { return Position{e.Time, e.Log, e.Index} }

// Compare orders positions, oldest first.
func (p Position) Compare(o Position) int {
	return cmp.Or(p.Time.Compare(o.Time), strings.Compare(p.Log, o.Log), cmp.Compare(p.Index, o.Index))
}

// String returns the position as an opaque token for ParsePosition.
func (p Position) String() string {
	text := p.Time.UTC().Format(timeLayout) + " " + p.Log + " " + strconv.FormatInt(p.Index, 10)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// ParsePosition reads the token of Position.String, exactly.
func ParsePosition(token string) (Position, error) {
	errToken := errors.New("audit: not a position token")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return Position{}, errToken
	}
	parts := strings.Split(string(raw), " ")
	if len(parts) != 3 || !logPattern.MatchString(parts[1]) {
		return Position{}, errToken
	}
	at, timeErr := time.Parse(timeLayout, parts[0])
	index, indexErr := strconv.ParseInt(parts[2], 10, 64)
	p := Position{at, parts[1], index}
	if timeErr != nil || indexErr != nil || index < 0 || p.String() != token {
		return Position{}, errToken
	}
	return p, nil
}
