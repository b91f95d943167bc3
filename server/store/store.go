// Package store is the contract of what keeps the records: each a pseudonym and the personal
// value behind it.
//
//	results := s.Put(ctx, []store.Record{{ModifiedValue: key, Original: store.NewOriginal(text), ObservedAt: at}})
//
// The package is pure. The drivers sqlitestore and dynamostore implement Store and run the
// suite of package storetest; Mem is the contract in memory.
//
// It promises that times decide what a key holds and not the order of arrival, so that replays
// and redeliveries in any order end in the same store:
//
//   - Last seen wins. A put takes effect unless a record with a later ObservedAt is there.
//   - An erasure leaves a tombstone without the value. A put takes effect over a tombstone only
//     if its ObservedAt is after the erasure and after the ObservedAt of what was erased.
//
// The order of arrival decides two things. Of two values that were seen at the same instant,
// the later put stays. And an erasure also removes a value whose ObservedAt is after the
// erasure's own time, which a source with a fast clock may claim.
//
// It promises nothing about who may read: package vault alone calls Get, and only after it has
// asked the policy.
package store

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound says that the key has no original value: it never had one, the value was
	// erased, or it has expired.
	ErrNotFound = errors.New("store: no such record")
	// ErrUnavailable says that the engine could not do it now, or may have done it. Putting
	// or erasing again is safe.
	ErrUnavailable = errors.New("store: unavailable")
)

// MaxBatch is how many items one call may hold.
const MaxBatch = 500

// Record is a pseudonym and the personal value behind it.
type Record struct {
	// ModifiedValue is the key: 1 to 2,048 bytes of UTF-8, the limit of a key in DynamoDB.
	ModifiedValue string
	// Original is the personal value: up to 32 KiB of UTF-8, possibly empty.
	Original Original
	// ObservedAt is when the value was seen at its source, to the nanosecond, in
	// UTC. It is zero if the record came from the original Piinguin, by its table or its
	// protocol, which have no times; such a record is older than any other.
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
