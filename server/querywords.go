package server

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// describe writes the filters in words for the entry of the query, in at most piinguinv1.MaxText
// bytes: where they take more, the longest values give way to their SHA-256. The subject is left
// out: it has a field of its own.
func describe(req *piinguinv1.ListEntriesRequest) string {
	filters := filterWords(req)
	words := join(filters)
	for range filters { // with a hash for each text the rest has room
		if len(words) <= piinguinv1.MaxText {
			break
		}
		longest := slices.MaxFunc(filters, func(a, b *filterWord) int { return cmp.Compare(len(a.String()), len(b.String())) })
		longest.hashed = true
		words = join(filters)
	}
	return words
}

func join(filters []*filterWord) string {
	words := "list"
	for _, f := range filters {
		words += " " + f.String()
	}
	return words
}

// filterWord is one filter in words.
type filterWord struct {
	name, value string
	hashed      bool
}

// plain is what a value may be to stand without quotes. No other value can pass for a further filter,
// or for a hash.
var plain = regexp.MustCompile(`^[\w@.:/+=-]+$`)

// String returns caller=alice, purpose="send the invoice" or reference=sha256(2c26b46b...).
func (f *filterWord) String() string {
	switch {
	case f.hashed:
		return fmt.Sprintf("%s=sha256(%x)", f.name, sha256.Sum256([]byte(f.value)))
	case plain.MatchString(f.value):
		return f.name + "=" + f.value
	}
	return f.name + "=" + strconv.Quote(f.value)
}

// filterWords returns the filters that are set.
func filterWords(req *piinguinv1.ListEntriesRequest) (set []*filterWord) {
	add := func(is bool, name, value string) {
		if is {
			set = append(set, &filterWord{name: name, value: value})
		}
	}
	add(req.GetFrom() != nil, "from", req.GetFrom().AsTime().Format(time.RFC3339Nano))
	add(req.GetTo() != nil, "to", req.GetTo().AsTime().Format(time.RFC3339Nano))
	add(req.GetCaller() != "", "caller", req.GetCaller())
	add(req.GetBasis() != 0, "basis", req.GetBasis().String())
	add(req.GetOperation() != 0, "operation", req.GetOperation().String())
	add(req.GetOutcome() != 0, "outcome", req.GetOutcome().String())
	add(req.GetPurpose() != "", "purpose", req.GetPurpose())
	add(req.GetReference() != "", "reference", req.GetReference())
	add(req.GetRequestId() != "", "request_id", req.GetRequestId())
	add(req.GetHideOwnReviews(), "hide_own_reviews", "true")
	return set
}
