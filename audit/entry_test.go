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
		{Operation: audit.Opened, Outcome: audit.Granted, Reference: goldenKey},
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
			Reference: "e\u0301 \u00e9 \ufffd", ModifiedValue: "/slash \ufeff", RequestID: strings.Repeat("r", 64),
		},
		{
			Operation: audit.Read, Outcome: audit.Granted, Caller: strings.Repeat("c", 256), Authentication: strings.Repeat("a", 64),
			OnBehalfOf: strings.Repeat("o", 512), Basis: "PUBLIC_TASK", ModifiedValue: "m", RequestID: "req-6",
		},
		{Operation: audit.Delete, Outcome: audit.Granted, Caller: "eraser", Authentication: "token", Reference: "Art. 17 request 5", ModifiedValue: "5f4dcc3b5aa765d6", RequestID: "req-7"},
		{Operation: audit.Create, Outcome: audit.Granted, Caller: "relay", Authentication: "iam", Count: 500, RequestID: "req-8"},
		{Operation: audit.Create, Outcome: audit.Denied, Reason: "role_missing", Caller: "reader", Count: 1<<53 - 1, RequestID: "req-9"},
		{Operation: audit.Review, Outcome: audit.Granted, Caller: "auditor", Authentication: "token", Purpose: "yearly review", RequestID: "req-10"},
		{Operation: audit.Find, Outcome: audit.Granted, Caller: "support-desk", Reference: "T-1002", ModifiedValue: "m", RequestID: "req-11", Grant: strings.Repeat("g", 64)},
		{Operation: audit.Mark, Outcome: audit.Granted, Caller: "auditor", About: "1/345", Detail: strings.Repeat("d", 2048), RequestID: "req-12"},
		{Operation: audit.SignOff, Outcome: audit.Granted, Caller: "auditor", About: "spine/0", Reference: "2026-01", RequestID: "req-13"},
		{Operation: audit.Setting, Outcome: audit.Granted, Caller: "server", Policy: "p1", Detail: "policy = a", RequestID: "req-14"},
		{Operation: "LATER_OPERATION_OF_THIRTY_TWO_XX", Outcome: audit.Granted, Condition: "ART9_HEALTH_CARE", RequestID: "req-15"},
	}
	at := time.Date(2026, time.February, 3, 4, 5, 6, 7000, time.UTC)
	for i := range entries {
		entries[i].Ledger, entries[i].Log, entries[i].Index, entries[i].Time = ledgerName, 1, int64(i), at.Add(time.Duration(i)*time.Millisecond)
	}
	return append(entries, goldenSpine()...)
}

// goldenSpine are entries of spines.
func goldenSpine() []audit.Entry {
	const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	entries := []audit.Entry{
		{Operation: audit.Checkpoint, Outcome: audit.Granted, Checkpoint: "1 1 " + root + " 2 9007199254740991 " + root + " 64 3 " + root},
		{Operation: audit.Pruned, Outcome: audit.Granted, Caller: "operator", Checkpoint: "64 521 " + root, Detail: "before 2026-11-01T00:00:00.000000Z", Count: 4, RequestID: "prune"},
		{Operation: audit.Held, Outcome: audit.Granted, Caller: "operator", Reference: "case 7", RequestID: "hold"},
		{Operation: audit.Released, Outcome: audit.Granted, Caller: "operator", Reference: "case 7", RequestID: "release"},
		{Operation: audit.Rekeyed, Outcome: audit.Granted, Reference: goldenKey, Detail: goldenKey},
		{Operation: audit.RolledBack, Outcome: audit.Granted, Reference: "vault.example.com/before", Detail: "restored 3 " + root},
	}
	for i := range entries {
		entries[i].Ledger, entries[i].Index, entries[i].Time = "z.9-"+strings.Repeat("x", 59), int64(i)+1, time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
	}
	entries[5].Index = 1<<53 - 1
	return append(entries, audit.Entry{Ledger: "0/a-0", Log: 64, Time: time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), Operation: audit.Review, Outcome: audit.Granted, RequestID: "r"})
}

// goldenKey is a verifier key as OPEN and KEY name it.
const goldenKey = "vault.example.com/pii+bb9189ad+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"

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
