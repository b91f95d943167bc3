// Package store holds what Piinguin keeps: records, each a pseudonym and the
// personal value behind it. It is pure: drivers live in packages of their own
// and run the conformance suite in storetest.
//
// Times decide what a key holds, not the order of arrival, so that replays and
// redeliveries in any order end in the same store:
//
//   - Last seen wins. A put takes effect unless a later ObservedAt stands there.
//   - An erasure leaves a tombstone without the value. A put takes effect over a
//     tombstone only if its ObservedAt is after the erasure and after the
//     ObservedAt of what was erased.
//
// Two things remain to the order of arrival: of two values seen at the same
// instant the later put stands, and an erasure removes also a value that was seen
// after the erasure's own time, as a source with a fast clock may claim.
package store

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound says that no original value is there: none ever was, or it was
	// erased, or it has expired.
	ErrNotFound = errors.New("store: no such record")
	// ErrUnavailable says that the engine could not do it now, or that it is not
	// known whether it did. Putting or erasing again is safe.
	ErrUnavailable = errors.New("store: unavailable")
)

// MaxBatch is how many items one call may hold.
const MaxBatch = 500

// Record is a pseudonym and the personal value behind it.
type Record struct {
	// ModifiedValue is the key: 1 to 128 bytes of UTF-8.
	ModifiedValue string
	// Original is the personal value: up to 32 KiB of UTF-8, possibly empty.
	Original Original
	// ObservedAt is when the value was seen at its source, to the nanosecond, in
	// UTC. It is zero only when read from a table of the original Piinguin, which
	// kept no times; such a record is older than any other.
	ObservedAt time.Time
	// Source is where the value was found; each field may be empty.
	Source Source
}

// Source is what the PII transformation event tells of a value.
type Source struct {
	FieldName     string // the event's field, e.g. user_ipaddress
	JSONPath      string // the path inside that field, if it holds JSON
	Schema        string // the Iglu URI of that JSON's schema
	HashFunction  string // e.g. SHA-256
	ParentEventID string // the event_id of the event that held the value
}

// PutOutcome is what became of a put.
type PutOutcome int

const (
	// Stored: no live record was there. It is the new record.
	Stored PutOutcome = iota + 1
	// Replaced: a live record was there. The new one stands in its place, or was
	// the same to begin with.
	Replaced
	// Superseded: what is there is newer, so nothing changed.
	Superseded
)

// PutResult is the outcome of one record, or why there is none.
type PutResult struct {
	Outcome PutOutcome
	Err     error
}

// GetResult is one record, or why there is none.
type GetResult struct {
	Record Record
	Err    error
}

// EraseResult says whether a live record was there and is gone now.
type EraseResult struct {
	Erased bool
	Err    error
}

// Store keeps records. It is safe for concurrent use.
//
// Every method takes 0 to MaxBatch items and returns exactly one result for
// each, in order; more items are a programming error and panic.
//
// An item fails by itself: its Err is ErrNotFound (Get only), ErrUnavailable, or
// the context's error, each possibly wrapped, and never holds a value. Once the
// context is done the rest fail with its error. Whether an item that failed so, or
// with ErrUnavailable, took effect is not known, and doing it again is safe.
//
// Times are of the years 1 to 9999, in any zone.
type Store interface {
	// Put stores records by the rules above. A nil Err means durable. Records of
	// one key take effect in the order given; those of different keys in any order.
	// A put that finds its own ObservedAt and Original standing there changes
	// nothing and reports Replaced, so a put whose reply was lost may be repeated.
	Put(ctx context.Context, records []Record) []PutResult

	// Get returns the live records of the keys, which may repeat. It is strongly
	// consistent: it sees every Put and Erase that returned before it began.
	Get(ctx context.Context, modifiedValues []string) []GetResult

	// Erase removes the original values and sources of the keys, which may repeat,
	// and leaves tombstones of time at, also where nothing was. A nil Err means
	// durable. A tombstone's time never goes back.
	Erase(ctx context.Context, modifiedValues []string, at time.Time) []EraseResult

	// Ready returns nil when the engine answers, for a readiness check.
	Ready(ctx context.Context) error
}

// CheckBatch panics when a call holds more than MaxBatch items. Every method of a
// driver calls it first.
func CheckBatch(items int) {
	if items > MaxBatch {
		panic("store: more than MaxBatch items in one call")
	}
}
