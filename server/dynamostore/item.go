package dynamostore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/server/store"
)

// The attributes of an item. An item without originalValue is a tombstone. Times are
// texts of store.FormatTime, but expiresAt, which is DynamoDB's own TTL.
const (
	attrModifiedValue = "modifiedValue" // S, the key
	attrOriginalValue = "originalValue" // S
	attrObservedAt    = "observedAt"    // S; none in a table of the original Piinguin
	attrStoredAt      = "storedAt"      // S, when the item was written
	attrErasedAt      = "erasedAt"      // S, of a tombstone
	attrExpiresAt     = "expiresAt"     // N, seconds since 1970; set by the operator alone
	attrFieldName     = "fieldName"     // S, as the rest
	attrJSONPath      = "jsonPath"
	attrSchema        = "schema"
	attrHashFunction  = "hashFunction"
	attrParentEventID = "parentEventId"
)

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func keyOf(modifiedValue string) item { return item{attrModifiedValue: text(modifiedValue)} }

// attribute is one of an item, before it is sent.
type attribute struct{ name, value string }

// field is one of a source, and the attribute that holds it.
type field struct {
	name  string
	value *string
}

func sources(s *store.Source) []field {
	return []field{
		{attrFieldName, &s.FieldName}, {attrJSONPath, &s.JSONPath}, {attrSchema, &s.Schema},
		{attrHashFunction, &s.HashFunction}, {attrParentEventID, &s.ParentEventID},
	}
}

// attributesOf returns what is stored of a record, always in the same order. Empty fields of the source are left out.
func attributesOf(r store.Record, storedAt time.Time) []attribute {
	all := append(make([]attribute, 0, 9), //nolint:mnd // all that there are
		attribute{attrModifiedValue, r.ModifiedValue},
		attribute{attrOriginalValue, r.Original.Reveal()},
		attribute{attrObservedAt, store.FormatTime(r.ObservedAt)},
		attribute{attrStoredAt, store.FormatTime(storedAt)})
	for _, f := range sources(&r.Source) {
		if *f.value != "" {
			all = append(all, attribute{f.name, *f.value})
		}
	}
	return all
}

// itemOf returns the item of a record.
func itemOf(r store.Record, storedAt time.Time) item {
	all := attributesOf(r, storedAt)
	it := make(item, len(all))
	for _, a := range all {
		it[a.name] = text(a.value)
	}
	return it
}

// row is an item as it was read.
type row struct {
	record   store.Record // when standing.Live
	standing store.Standing
	storedAt string
	// expired says that the record's TTL has passed. DynamoDB deletes such an item
	// only some time later: until then it reads as not there, and keeps its place in
	// the order of times.
	expired bool
}

// readable reports whether a live record is there.
func (r row) readable() bool { return r.standing.Live && !r.expired }

// parse reads an item. Errors name the attribute, never what it holds.
func parse(it item, now time.Time) (row, error) {
	var p parser
	original, live := p.text(it, attrOriginalValue)
	observedAt := p.time(it, attrObservedAt)
	_, erased := it[attrErasedAt]
	r := row{standing: store.Standing{
		Live: live && !erased, Erased: erased, ErasedAt: p.time(it, attrErasedAt), ObservedAt: observedAt,
	}}
	r.storedAt, _ = p.text(it, attrStoredAt)
	if r.standing.Live {
		r.standing.Original = store.NewOriginal(original)
		r.record = store.Record{Original: r.standing.Original, ObservedAt: observedAt}
		r.record.ModifiedValue, _ = p.text(it, attrModifiedValue)
		for _, f := range sources(&r.record.Source) {
			*f.value, _ = p.text(it, f.name)
		}
		r.expired = p.passed(it, attrExpiresAt, now)
	}
	return r, p.err
}

// parser keeps the first error.
type parser struct{ err error }

func (p *parser) fail(attribute, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: attribute %s is not %s", store.ErrUnavailable, attribute, want)
	}
}

func (p *parser) text(it item, attribute string) (string, bool) {
	value, there := it[attribute]
	s, ok := value.(*types.AttributeValueMemberS)
	if !ok {
		if there {
			p.fail(attribute, "a string")
		}
		return "", false
	}
	return s.Value, true
}

func (p *parser) time(it item, attribute string) time.Time {
	s, ok := p.text(it, attribute)
	if !ok {
		return time.Time{}
	}
	t, err := store.ParseTime(s)
	if err != nil {
		p.fail(attribute, "a time")
	}
	return t
}

// passed reports whether a TTL is there and not after now.
func (p *parser) passed(it item, attribute string, now time.Time) bool {
	value, there := it[attribute]
	if !there {
		return false
	}
	n, ok := value.(*types.AttributeValueMemberN)
	if !ok {
		p.fail(attribute, "a number")
		return false
	}
	seconds, err := strconv.ParseFloat(n.Value, 64)
	if err != nil {
		p.fail(attribute, "a number")
	}
	return seconds <= float64(now.Unix())
}
