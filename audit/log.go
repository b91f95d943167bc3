package audit

import (
	"context"
	"errors"
	"iter"
	"regexp"
)

var (
	// ErrTaken says that a page with this number exists.
	ErrTaken = errors.New("audit: page number taken")
	// ErrNotFound says that there is no such page, entry, log, blob or key.
	ErrNotFound = errors.New("audit: not found")
	// ErrLost says that the store is lost to this process: no commit that failed can still be
	// applied, and no later one will be.
	ErrLost = errors.New("audit: the store is lost")
	// ErrUnavailable says that the entry may not be durable. The caller must not release what
	// the entry would justify.
	ErrUnavailable = errors.New("audit: unavailable")
	// ErrFormat says that the store holds a ledger of another format than this program's. It is
	// never opened as an empty one.
	ErrFormat = errors.New("audit: the store holds a ledger of another format, which this version does not read")
)

// PageReader reads the pages of logs.
//
// It is safe for concurrent use. A *RowError says that a stored row is not what was written. Any
// other error but ErrNotFound is temporary, the context's included: reading again is safe. No
// error quotes a stored value.
type PageReader interface {
	// Last returns the page with the highest number. ErrNotFound: the log has no page. The
	// read is strongly consistent: it sees every Commit that returned nil before it began.
	Last(ctx context.Context, log LogID) (Page, error)

	// Pages yields the pages of a log in the order of their numbers, from the number from on,
	// as consistently as Last. It yields what is stored, gaps included, and stops after the first
	// error. A log without pages yields nothing. Its memory does not grow with the log.
	Pages(ctx context.Context, log LogID, from int64) iter.Seq2[Page, error]
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

// Blob is something derived from pages, under the name that its first three fields make. What a name
// holds follows from the pages alone, so writing it again is harmless, by another server too.
type Blob struct {
	Log    LogID
	Kind   string // as kindPattern
	Number int64  // from 0
	Data   []byte // at most MaxBlob bytes
}

// MaxBlob is the size limit of a blob in bytes.
const MaxBlob = 256 << 10

// kindPattern is the form of Blob.Kind: a word, and numbers behind it.
var kindPattern = regexp.MustCompile(`^[a-z]{1,16}(/[0-9]{1,5}){0,3}$`)

// ValidKind reports whether a blob can be of the kind.
func ValidKind(kind string) bool { return kindPattern.MatchString(kind) }

// BlobReader reads blobs. It is safe for concurrent use, and its errors are those of PageReader.
type BlobReader interface {
	// Blobs yields the blobs of a kind in the order of their numbers, from the number from on, and
	// stops after the first error. It sees every PutBlobs that returned nil before it began.
	Blobs(ctx context.Context, log LogID, kind string, from int64) iter.Seq2[Blob, error]
	// BlobsAt returns the blobs of a kind with these numbers, as far as they are there, in any order. It
	// takes at most 64 numbers, none of them twice, and sees what Blobs sees.
	BlobsAt(ctx context.Context, log LogID, kind string, numbers []int64) ([]Blob, error)
}

// Reader reads everything that a ledger stores.
type Reader interface {
	PageReader
	BlobReader
	// VerifierKey returns what KeepVerifierKey stored. ErrNotFound: nothing is. ErrFormat: the
	// ledger is of another format.
	VerifierKey(ctx context.Context) (string, error)
}

// Backend is what a Ledger needs of an engine.
//
// It is safe for concurrent use, by several processes too.
type Backend interface {
	Reader
	Log
	// PutBlobs stores blobs durably, each by itself, and replaces those of the same name. An error
	// leaves the outcome of each unknown, and putting them again is safe.
	PutBlobs(ctx context.Context, blobs []Blob) error
	// KeepVerifierKey stores a signed-note verifier key, under the ledger's name, if none is stored,
	// and returns the one that is stored now. Of several concurrent calls one wins, and all return
	// its key. An error leaves the outcome unknown, and keeping it again is safe. ErrFormat: the
	// store holds a ledger of another format.
	KeepVerifierKey(ctx context.Context, key string) (string, error)
	// Reviews returns a Reader of the same rows for what reviewers ask. It may make them wait for
	// one another, and no append waits for it.
	Reviews() Reader
}
