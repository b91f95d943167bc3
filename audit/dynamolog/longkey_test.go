package dynamolog_test

import (
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// TestLongPseudonym: the rows of a pseudonym that is too long for a key are derived as well, and
// a query finds its entries and no others.
func TestLongPseudonym(t *testing.T) {
	x := newTable(t)
	key, err := audit.GenerateKey(strings.NewReader(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), audit.Config{Store: x.Store, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	fits, longer, longest := strings.Repeat("k", 2048-len("subject/")), strings.Repeat("k", 2047), strings.Repeat("k", 2048)
	for _, pseudonym := range []string{fits, longer, longest} {
		e := audit.Entry{Operation: audit.Read, Outcome: audit.NotFound, RequestID: "r", ModifiedValue: pseudonym}
		if r := l.AppendAll(t.Context(), []audit.Entry{e})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.derived(t)
	for _, pseudonym := range []string{fits, longer, longest} {
		got, err := x.List(t.Context(), audit.Query{ModifiedValue: pseudonym, Limit: 9})
		if err != nil || len(got) != 1 || got[0].ModifiedValue != pseudonym {
			t.Errorf("List of %d bytes: %d entries, %v", len(pseudonym), len(got), err)
		}
	}
	if r, err := audit.Verify(t.Context(), x.Store, audit.VerifyOptions{}); err != nil || len(r.Findings) > 0 {
		t.Errorf("Verify: %v, %v", r.Findings, err)
	}
}
