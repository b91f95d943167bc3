package audit_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/audit"
)

// TestLinesAreCanonicalJSON compares the lines of random entries with those of a
// library for RFC 8785, and reads them back.
func TestLinesAreCanonicalJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEntry(t)
		got, err := e.Format()
		if err != nil {
			t.Fatalf("Format(%+v): %v", e, err)
		}
		raw, err := json.Marshal(fieldsOf(e))
		if err != nil {
			t.Fatal(err)
		}
		want, err := jcs.Transform(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("line (-library +ours):\n%s", diff)
		}
		back, err := audit.Parse(got)
		if diff := cmp.Diff(e, back); err != nil || diff != "" {
			t.Fatalf("Parse: %v, (-want +got):\n%s", err, diff)
		}
	})
}

// anyEntry draws an entry whose texts may have every character that one may have,
// those that JSON escapes more often than by chance.
func anyEntry(t *rapid.T) audit.Entry {
	char := rapid.OneOf(
		rapid.SampledFrom([]rune("\"\\/<>&\u2028\u2029\u007e\u00a0\ufeff\ufffd😀")),
		rapid.Rune().Filter(func(r rune) bool { return !unicode.IsControl(r) }),
	)
	text := func(name string, limit int) string {
		return rapid.StringOfN(char, 0, -1, limit).Draw(t, name)
	}
	shown := func(name string, limit int) string { // which has no character that changes how others look
		return rapid.StringOfN(char.Filter(func(r rune) bool { return !unicode.Is(unicode.Cf, r) }), 0, -1, limit).Draw(t, name)
	}
	e := audit.Entry{
		Ledger: rapid.StringMatching(`[a-z0-9-][a-z0-9.-]{0,20}(/[a-z0-9-]{1,20}){0,2}`).Filter(audit.ValidName).Draw(t, "ledger"),
		Log:    audit.LogID(rapid.IntRange(0, audit.MaxLogs).Draw(t, "log")), Index: rapid.Int64Range(0, 1<<53-1).Draw(t, "index"),
		Time:      time.UnixMicro(rapid.Int64Range(-62_135_596_800_000_000, 253_402_300_799_999_999).Draw(t, "time")).UTC(),
		Operation: rapid.SampledFrom([]audit.Operation{audit.Read, audit.Delete, audit.Create, audit.Review}).Draw(t, "operation"),
		Outcome:   rapid.SampledFrom([]audit.Outcome{audit.Granted, audit.Denied, audit.NotFound, audit.Failed}).Draw(t, "outcome"),
		Reason:    rapid.StringMatching(`[a-z_]{0,64}`).Draw(t, "reason"), Caller: text("caller", 256),
		Authentication: text("authentication", 64), OnBehalfOf: shown("on_behalf_of", 512),
		Basis: rapid.SampledFrom([]string{"", "CONSENT"}).Draw(t, "basis"), Purpose: shown("purpose", 512), Reference: shown("reference", 512),
		ModifiedValue: text("modified_value", 2048), RequestID: "r" + text("request_id", 63), Count: rapid.Int64Range(0, 1<<53-1).Draw(t, "count"),
	}
	e.Policy, e.Condition = text("policy", 64), rapid.SampledFrom([]string{"", "ART9_HEALTH_CARE"}).Draw(t, "condition")
	e.Detail, e.Grant = shown("detail", 2048), shown("grant", 64)
	if rapid.Bool().Draw(t, "about") {
		e.About = audit.Place{Log: e.Log, Index: e.Index}.String()
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		e.Operation = audit.Operation(rapid.StringMatching(`[A-Z_]{1,32}`).Filter(func(o string) bool { return !slices.Contains(own, o) }).Draw(t, "unknown"))
	case 1:
		e.Operation, e.Checkpoint = audit.Pruned, "1 7 "+audit.LeafHash([]byte(e.Purpose)).String()
	case 2:
		root := audit.LeafHash([]byte(e.Purpose)).String()
		e.Operation, e.Checkpoint, e.RequestID = audit.Checkpoint, "1 9007199254740991 "+root+" 64 1 "+root, ""
	}
	return e
}

// own are the operations that have rules of their own.
var own = []string{"OPEN", "CHECKPOINT", "PRUNE", "HOLD", "RELEASE", "KEY", "ROLLBACK"}

func fieldsOf(e audit.Entry) map[string]any {
	all := map[string]any{
		"version": audit.Version, "log": audit.Origin(e.Ledger, e.Log), "index": e.Index, "time": e.Time.Format("2006-01-02T15:04:05.000000Z"),
		"operation": e.Operation, "outcome": e.Outcome,
	}
	for name, value := range map[string]string{
		"reason": e.Reason, "caller": e.Caller, "authentication": e.Authentication, "on_behalf_of": e.OnBehalfOf,
		"basis": e.Basis, "purpose": e.Purpose, "reference": e.Reference, "checkpoint": e.Checkpoint, "policy": e.Policy, "special_category_condition": e.Condition,
		"about": e.About, "detail": e.Detail, "grant": e.Grant, "modified_value": e.ModifiedValue, "request_id": e.RequestID,
	} {
		if value != "" {
			all[name] = value
		}
	}
	if e.Count != 0 {
		all["count"] = e.Count
	}
	return all
}
