package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// The index answers "which pages may hold an entry with this caller", and the like. It is an inverted
// index over runs of entries, which are aligned to entry indexes as tiles are:
//
//	tier 0    1,024 entries       1 bucket
//	tier 1    16,384 entries      128 buckets
//	tier 2    1,048,576 entries   8,192 buckets
//
// A term is a field and a value. The first 32 bits of SHA-256(field || value) name it: the first of them
// name its bucket, the others stand in it with the numbers of the pages that have the term. Two terms of
// one name share their pages, and whoever reads the pages sees which entries match. A run of a higher
// tier is made of those below it. What follows from pages never changes, so nothing is merged away.

// tiers is how many tiers there are.
const tiers = 3

// tier is the form of the runs of a tier.
type tier struct {
	size int64 // entries of a run
	bits int   // of a term's name that name its bucket
	fan  int64 // runs of the tier below that make one; 0 in the lowest tier
}

var tierOf = [tiers]tier{{1 << 10, 0, 0}, {1 << 14, 7, 16}, {1 << 20, 13, 64}}

// The kinds of the blobs of the index. The number of a bucket is that of its run, followed by its own in
// as many bits as the tier has.
const (
	bucketPrefix  = "index/"
	summaryPrefix = "summary/"
	runPrefix     = "run/"
)

func bucketKind(t int) string  { return fmt.Sprint(bucketPrefix, t) }
func summaryKind(t int) string { return fmt.Sprint(summaryPrefix, t) }
func runKind(t int) string     { return fmt.Sprint(runPrefix, t) }

// begin is the first run that begins at an entry or after it.
func (t tier) begin(entry int64) int64 { return (entry + t.size - 1) / t.size }

// buckets is how many buckets a run has.
func (t tier) buckets() int64 { return 1 << t.bits }

// bucket is the bucket of a term, and rest what stands in it.
func (t tier) bucket(term uint32) int64 { return int64(term >> (32 - t.bits)) }
func (t tier) rest(term uint32) uint32  { return term & t.mask() }
func (t tier) mask() uint32             { return uint32(uint64(1)<<(32-t.bits) - 1) } //nolint:gosec // at most 32 bits

// term is the term of what stands in a bucket.
func (t tier) term(bucket int64, rest uint32) uint32 {
	return uint32(uint64(bucket)<<(32-t.bits)) | rest //nolint:gosec // a bucket has no more bits
}

// field is a field of entries that has terms.
type field byte

const (
	fieldSubject   field = 's'
	fieldCaller    field = 'c'
	fieldBasis     field = 'b'
	fieldOperation field = 'o'
	fieldOutcome   field = 'u' // other than GRANTED, which most entries have
	fieldPurpose   field = 'p'
	fieldReference field = 'r'
	// fieldOther is that of every entry of the spine but the CHECKPOINTs, of which it has one a minute.
	fieldOther field = 'x'
)

// termOf returns the name of a term.
func termOf(f field, value string) uint32 {
	var buffer [256]byte
	sum := sha256.Sum256(append(append(buffer[:0], byte(f)), value...))
	return binary.BigEndian.Uint32(sum[:])
}

// fieldOf is the field of terms of each field of a summary.
var fieldOf = [cellFields]field{
	cellCaller: fieldCaller, cellOperation: fieldOperation, cellOutcome: fieldOutcome, cellBasis: fieldBasis, cellPurpose: fieldPurpose,
}

// isTerm reports whether a value of a field is a term.
func isTerm(f field, value string) bool {
	return value != "" && (f != fieldOutcome || value != string(Granted))
}

// conditions returns the terms by which a query finds pages of a log: of each list a page must have one.
// No list means that any page may match.
func (q Query) conditions(log LogID) [][]uint32 {
	var all [][]uint32
	add := func(f field, values []string) {
		var terms []uint32
		for _, v := range values {
			if v == "" { // which is no term
				return
			}
			terms = append(terms, termOf(f, v))
		}
		if len(terms) > 0 {
			all = append(all, terms)
		}
	}
	add(fieldSubject, q.Subjects)
	add(fieldReference, q.References)
	add(fieldCaller, q.Callers)
	add(fieldPurpose, q.Purposes)
	add(fieldBasis, q.Bases)
	add(fieldOperation, texts(q.Operations))
	if !slices.Contains(q.Outcomes, Granted) {
		add(fieldOutcome, texts(q.Outcomes))
	}
	if log == Spine && !slices.Contains(q.Operations, Checkpoint) {
		all = append(all, []uint32{termOf(fieldOther, "")})
	}
	return all
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}
