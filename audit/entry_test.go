package audit_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// goldenEntries are the entries of testdata/entries.golden.
func goldenEntries() []audit.Entry {
	entries := []audit.Entry{
		{Operation: audit.Opened, Outcome: audit.Granted, Reference: "piinguin+7b8a1e0c+AXpZ4V7O1b3u0WqWvN0Xo4c0mW0lq4mC2Hk3b9Yq1k0T"},
		{
			Operation: audit.Read, Outcome: audit.Granted, Caller: "support-desk", Authentication: "token", OnBehalfOf: "agent 7", Basis: "CONSENT",
			Purpose: "support ticket", Reference: "T-1001", ModifiedValue: "5f4dcc3b5aa765d6", RequestID: "req-1",
		},
		{
			Operation: audit.Read, Outcome: audit.Denied, Reason: "basis_not_allowed", Caller: "support-desk", Authentication: "token", Basis: "LEGITIMATE_INTERESTS",
			Purpose: `<marketing> & "more" \ stuff`, ModifiedValue: "5f4dcc3b5aa765d6", RequestID: "req-2",
		},
		{
			Operation: audit.Read, Outcome: audit.NotFound, Caller: "Zoë Ångström 😀 \u2028\u2029", Authentication: "mtls", Basis: "CONTRACT",
			ModifiedValue: strings.Repeat("0", 128), RequestID: "req-3",
		},
		{Operation: audit.Read, Outcome: audit.Failed, Reason: "store_unavailable", Caller: "c", Authentication: "oidc", Basis: "LEGAL_OBLIGATION", ModifiedValue: "m", RequestID: "req-4"},
		{
			Operation: audit.Read, Outcome: audit.Granted, Caller: "c", Basis: "VITAL_INTERESTS", Purpose: strings.Repeat("p", 512),
			Reference: "e\u0301 \u00e9 \ufffd \ufeff", ModifiedValue: "/slash", RequestID: strings.Repeat("r", 64),
		},
		{
			Operation: audit.Read, Outcome: audit.Granted, Caller: strings.Repeat("c", 256), Authentication: strings.Repeat("a", 64),
			OnBehalfOf: strings.Repeat("o", 512), Basis: "PUBLIC_TASK", ModifiedValue: "m", RequestID: "req-6",
		},
		{Operation: audit.Delete, Outcome: audit.Granted, Caller: "eraser", Authentication: "token", Reference: "Art. 17 request 5", ModifiedValue: "5f4dcc3b5aa765d6", RequestID: "req-7"},
		{Operation: audit.Create, Outcome: audit.Granted, Caller: "relay", Authentication: "iam", Count: 500, RequestID: "req-8"},
		{Operation: audit.Create, Outcome: audit.Denied, Reason: "role_missing", Caller: "reader", Count: 1<<53 - 1, RequestID: "req-9"},
		{Operation: audit.Review, Outcome: audit.Granted, Caller: "auditor", Authentication: "token", Purpose: "yearly review", RequestID: "req-10"},
	}
	at := time.Date(2026, time.February, 3, 4, 5, 6, 7000, time.UTC)
	for i := range entries {
		entries[i].Log, entries[i].Index, entries[i].Time = "piinguin-1", int64(i), at.Add(time.Duration(i)*time.Millisecond)
	}
	return append(entries,
		audit.Entry{
			Log: "z.9-" + strings.Repeat("x", 59), Index: 1<<53 - 1, Time: time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC),
			Operation: audit.Read, Outcome: audit.Granted, RequestID: "r",
		},
		audit.Entry{Log: "0", Operation: audit.Review, Outcome: audit.Granted, RequestID: "r"},
	)
}

// TestGolden holds the format to lines and leaf hashes that another
// implementation of RFC 8785 and RFC 6962 made.
func TestGolden(t *testing.T) {
	golden, err := os.ReadFile("testdata/entries.golden")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSuffix(string(golden), "\n"), "\n")
	entries := goldenEntries()
	if len(rows) != len(entries) {
		t.Fatalf("%d rows, want %d", len(rows), len(entries))
	}
	for i, row := range rows {
		leaf, line, _ := strings.Cut(row, "  ")
		got, err := entries[i].Format()
		if err != nil || string(got) != line {
			t.Errorf("row %d: Format: %v\n got %s\nwant %s", i, err, got, line)
		}
		parsed, err := audit.Parse([]byte(line))
		if diff := cmp.Diff(entries[i], parsed); err != nil || diff != "" {
			t.Errorf("row %d: Parse: %v (-want +got):\n%s", i, err, diff)
		}
		if hash := audit.LeafHash([]byte(line)); hex.EncodeToString(hash[:]) != leaf {
			t.Errorf("row %d: leaf hash %x, want %s", i, hash, leaf)
		}
	}
}

// TestFormatTime holds that a time's zone and monotonic part do not reach the
// line, and that what the line cannot keep is refused.
func TestFormatTime(t *testing.T) {
	e := placedEntry()
	want, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	e.Time = e.Time.In(time.FixedZone("east", 3*3600))
	got, err := e.Format()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("in another zone: %s, %v; want %s", got, err, want)
	}
	for _, at := range []time.Time{
		e.Time.Add(time.Nanosecond), time.Time{}.AddDate(-1, 0, 0), time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, time.December, 31, 23, 59, 59, 0, time.FixedZone("west", -3600)),
	} {
		e.Time = at
		if _, err := e.Format(); !errors.Is(err, audit.ErrEntry) {
			t.Errorf("time %v: %v, want ErrEntry", at, err)
		}
	}
}
