package main

import (
	"strings"
	"testing"
	"time"
)

// TestCheckTables holds that the shortest and the longest name, and an ARN, are names of tables.
func TestCheckTables(t *testing.T) {
	for _, name := range []string{"a.b", strings.Repeat("x", 255), "arn:aws:dynamodb:eu-west-1:123456789012:table/pii"} {
		if err := (&storeFlags{table: name, auditTable: name}).checkTables(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestParseTime holds that a time is one of RFC 3339 or a day, and nothing that only looks like one.
func TestParseTime(t *testing.T) {
	for s, want := range map[string]string{
		"2026-01-31": "2026-01-31T00:00:00Z", "2026-01-31T12:00:00.000001Z": "2026-01-31T12:00:00.000001Z", "2026-01-31T12:00:00-23:59": "2026-02-01T11:59:00Z",
	} {
		if at, err := parseTime(s); err != nil || at.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v %v, want %s", s, at, err, want)
		}
	}
	for _, s := range []string{
		"", "2026-01-31T12:00:00", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+01:60", "2026-01-31T1:00:00Z", "2026-01-31T12:00:00,5Z", "2026-01-31 ", "2026-02-29",
	} {
		if at, err := parseTime(s); err == nil {
			t.Errorf("%q is taken as %v", s, at)
		}
	}
}
