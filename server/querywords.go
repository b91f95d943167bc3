package server

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// describe writes the filters in words for the entry of the query, in at most piinguinv1.MaxText
// bytes: where they take more, the values of the longest filters give way to their SHA-256, and if even
// that is too long, all that are not short to one. A single subject is left out: it has a field of its own.
func describe(req *piinguinv1.ListEntriesRequest) string {
	filters := filterWords(req)
	for range filters {
		if lengthOf(filters) <= piinguinv1.MaxText {
			return join(filters)
		}
		slices.MaxFunc(filters, func(a, b *filterWord) int { return cmp.Compare(len(a.text), len(b.text)) }).hash()
	}
	if lengthOf(filters) > piinguinv1.MaxText {
		filters = together(filterWords(req))
	}
	return join(filters)
}

// subjectOf is what the entry of the query names as its subject.
func subjectOf(req *piinguinv1.ListEntriesRequest) string {
	if subjects := req.GetSubjects(); len(subjects) == 1 {
		return subjects[0]
	}
	return ""
}

const listWord = "list"

func lengthOf(filters []*filterWord) int {
	n := len(listWord)
	for _, f := range filters {
		n += len(" ") + len(f.text)
	}
	return n
}

func join(filters []*filterWord) string {
	words := []string{listWord}
	for _, f := range filters {
		words = append(words, f.text)
	}
	return strings.Join(words, " ")
}

// filterWord is one filter in words.
type filterWord struct {
	name   string
	values []string
	text   string // such as callers=alice,bob
}

// plain is what a value may be to stand without quotes. No other value can pass for a further value or
// filter, or for a hash.
var plain = regexp.MustCompile(`^[\w@.:/+=-]+$`)

// newFilterWord returns callers=alice,bob or purposes="send the invoice".
func newFilterWord(name string, values []string) *filterWord {
	shown := make([]string, len(values))
	for i, value := range values {
		if shown[i] = value; !plain.MatchString(value) {
			shown[i] = strconv.Quote(value)
		}
	}
	return &filterWord{name, values, name + "=" + strings.Join(shown, ",")}
}

// hash makes it references=sha256(2c26b46b...), of the values with a newline between two of them. No value
// holds a newline.
func (f *filterWord) hash() {
	f.text = fmt.Sprintf("%s=sha256(%x)", f.name, sha256.Sum256([]byte(strings.Join(f.values, "\n"))))
}

// shortWord is so little that all filters have room if no longer one stands alone.
const shortWord = 40

// together makes one callers,purposes=sha256(2c26b46b...) of the filters that are not short. The hash is of
// their words, a line each.
func together(filters []*filterWord) (words []*filterWord) {
	var names []string
	long := &filterWord{}
	for _, f := range filters {
		if len(f.text) <= shortWord {
			words = append(words, f)
			continue
		}
		names, long.values = append(names, f.name), append(long.values, f.text)
	}
	long.name = strings.Join(names, ",")
	long.hash()
	return append(words, long)
}

// filterWords returns the filters that are set.
func filterWords(req *piinguinv1.ListEntriesRequest) (set []*filterWord) {
	add := func(is bool, name string, values ...string) {
		if is {
			set = append(set, newFilterWord(name, values))
		}
	}
	add(req.GetFrom() != nil, "from", req.GetFrom().AsTime().Format(time.RFC3339Nano))
	add(req.GetTo() != nil, "to", req.GetTo().AsTime().Format(time.RFC3339Nano))
	add(len(req.GetSubjects()) > 1, "subjects", req.GetSubjects()...)
	add(len(req.GetCallers()) > 0, "callers", req.GetCallers()...)
	add(len(req.GetBases()) > 0, "bases", enumNames(req.GetBases())...)
	add(len(req.GetOperations()) > 0, "operations", enumNames(req.GetOperations())...)
	add(len(req.GetOutcomes()) > 0, "outcomes", enumNames(req.GetOutcomes())...)
	add(len(req.GetPurposes()) > 0, "purposes", req.GetPurposes()...)
	add(len(req.GetReferences()) > 0, "references", req.GetReferences()...)
	add(len(req.GetRequestIds()) > 0, "request_ids", req.GetRequestIds()...)
	add(len(req.GetLogs()) > 0, "logs", req.GetLogs()...)
	add(req.GetHideOwnReviews(), "hide_own_reviews", "true")
	return set
}

func enumNames[E fmt.Stringer](values []E) []string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = value.String()
	}
	return names
}
