package audittest

import (
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

// bigPage commits a page with as many entries as one can have, to a tree with a long edge.
func bigPage(t *testing.T, s audit.Store) {
	big := batch(1000, audit.MaxPageEntries)
	for i := range big {
		big[i].Purpose = strings.Repeat("p", 250)
	}
	pages := newPages(t, batch(0, 254), big)
	if last := pages[len(pages)-1]; len(pages) != 3 || len(last.Edge) != 9 || len(last.Lines[0]) < 450 {
		t.Fatalf("%d pages, the last with %d hashes in its edge and lines of %d bytes; want 3, 9, 450", len(pages), len(last.Edge), len(last.Lines[0]))
	}
	mustBegin(t, s)
	mustCommit(t, s, pages...)
	if diff := diffPages(pages, pagesOf(t, s, 1, 0)); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	mustHaveSizes(t, s, sizes{0: 2, 1: 511})
}

// characters holds that every field keeps special characters to the byte, and that queries find them.
func characters(t *testing.T, s audit.Store) {
	texts := []string{
		"\u2028\u2029", "😀\U0010ffff", "<>&", `"quoted" \back\\slash`, "'; DROP TABLE audit_pages; --",
		"ÄÖÜ e\u0301 \u00e9", "\ufffd\ue000", "{}[]:,", "%s %_*?", " leading and trailing ", "MIXED case", "mixed CASE", "0", "null", "1e3",
	}
	entries := make([]audit.Entry, len(texts))
	for i, text := range texts {
		entries[i] = audit.Entry{
			Operation: audit.Read, Outcome: audit.Granted, Caller: text, Authentication: text, OnBehalfOf: text,
			Purpose: text, Reference: text, Detail: text, Grant: text, ModifiedValue: text, RequestID: text, About: "spine/7",
		}
	}
	const format = "\ufeff\u200b\u202e" // which no text that is shown to people may have
	texts = append(texts, format)
	entries = append(entries, audit.Entry{
		Operation: audit.Read, Outcome: audit.Granted, Caller: format, Authentication: format, ModifiedValue: format, RequestID: format,
	})
	pages := newPages(t, entries)
	mustBegin(t, s)
	mustCommit(t, s, pages...)
	if diff := diffPages(pages, pagesOf(t, s, 1, 0)); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	for i, text := range texts {
		one := []string{text}
		for _, q := range []audit.Query{
			{Subjects: one}, {Callers: one}, {Purposes: one}, {References: one}, {RequestIDs: one, From: pages[0].Time, To: pages[0].Time.Add(time.Hour)},
		} {
			q.Limit = 9
			if text == format && len(q.Purposes)+len(q.References) > 0 {
				continue
			}
			got, _, err := audit.OpenIndex(s).List(t.Context(), q)
			if err != nil || len(got) != 1 || got[0].Index != int64(i)+1 {
				t.Errorf("List by %+q: %d entries, %v; want entry %d alone", text, len(got), err, i+1)
			}
		}
	}
	mustBeWhole(t, s)
}
