package store

import "time"

// Standing is what stands at a key: nothing (the zero Standing), a live record, or
// a tombstone. It holds what decides the next put and nothing else, so every
// driver can tell it from what it stores.
type Standing struct {
	Live     bool     // a record is there
	Original Original // that record's value

	Erased   bool      // a tombstone is there
	ErasedAt time.Time // the tombstone's time

	// ObservedAt is the live record's, or that of the record which was erased; zero
	// when none is known.
	ObservedAt time.Time
}

// Decide returns what becomes of a put of r, and whether r must be written for it.
// This is the rule of the package's doc, in one place.
func (s Standing) Decide(r Record) (outcome PutOutcome, write bool) {
	switch {
	case s.Live && r.ObservedAt.Before(s.ObservedAt):
		return Superseded, false
	case s.Live:
		same := r.ObservedAt.Equal(s.ObservedAt) && r.Original.Equal(s.Original)
		return Replaced, !same
	case s.Erased && !(r.ObservedAt.After(s.ErasedAt) && r.ObservedAt.After(s.ObservedAt)):
		return Superseded, false
	}
	return Stored, true
}

// Erase returns the tombstone that an erasure at a time leaves. It keeps the
// ObservedAt of what was erased: without it a redelivery of a record from a fast
// clock would be taken for a newer one.
func (s Standing) Erase(at time.Time) Standing {
	if s.Erased && s.ErasedAt.After(at) {
		at = s.ErasedAt
	}
	return Standing{Erased: true, ErasedAt: at, ObservedAt: s.ObservedAt}
}
