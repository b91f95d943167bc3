package audit_test

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/audit"
)

// drawPosition gives positions that often agree in a part.
func drawPosition(t *rapid.T) audit.Position {
	start := time.Date(2026, time.February, 3, 4, 5, 6, 0, time.UTC)
	return audit.Position{
		Time:  start.Add(time.Duration(rapid.Int64Range(-3, 3).Draw(t, "time")) * time.Microsecond),
		Log:   rapid.SampledFrom([]audit.LogID{audit.Spine, 1, 2, 10}).Draw(t, "log"),
		Index: rapid.Int64Range(0, 3).Draw(t, "index"),
	}
}

// TestPositionOrder compares by the rule as the type's comment words it.
func TestPositionOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPosition(t), drawPosition(t)
		want := cmp.Compare(a.Index, b.Index)
		if a.Log != b.Log {
			want = cmp.Compare(a.Log, b.Log)
		}
		if !a.Time.Equal(b.Time) {
			want = a.Time.Compare(b.Time)
		}
		if got := a.Compare(b); got != want || b.Compare(a) != -want {
			t.Fatalf("Compare(%v, %v) = %d, and back %d; want %d", a, b, got, b.Compare(a), want)
		}
		if p, err := audit.ParsePosition(a.String()); err != nil || p != a {
			t.Fatalf("ParsePosition(%v) = %v, %v", a, p, err)
		}
	})
}

func TestParsePositionIsStrict(t *testing.T) {
	const valid = "2026-02-03T04:05:06.000000Z 1 12"
	encode := base64.RawURLEncoding.EncodeToString
	if _, err := audit.ParsePosition(encode([]byte(valid))); err != nil {
		t.Fatal(err)
	}
	tokens := []string{
		"", canary, valid, encode([]byte(valid)) + "\n", encode([]byte(valid)) + "=", base64.StdEncoding.EncodeToString([]byte(valid + "???>>>")),
		"\r\n" + encode([]byte(valid)),
	}
	for _, text := range []string{
		valid + " ", " " + valid, valid + "x", strings.Replace(valid, " 12", " +12", 1), strings.Replace(valid, " 12", " 012", 1),
		strings.Replace(valid, " 12", " -12", 1), strings.Replace(valid, " 12", " 9223372036854775808", 1), strings.Replace(valid, " 12", "", 1),
		strings.Replace(valid, " 1 ", " "+canary+" ", 1), strings.Replace(valid, " 1 ", "  ", 1), strings.Replace(valid, " 1 ", " 01 ", 1), strings.Replace(valid, " 1 ", " 65 ", 1), strings.Replace(valid, " 1 ", " 0 ", 1), strings.Replace(valid, "000000Z", "Z", 1),
		strings.Replace(valid, "2026", canary, 1), strings.Replace(valid, "-02-03", "-02-30", 1), strings.Replace(valid, " ", "  ", 1),
	} {
		tokens = append(tokens, encode([]byte(text)))
	}
	for _, token := range tokens {
		p, err := audit.ParsePosition(token)
		if err == nil {
			t.Errorf("ParsePosition(%q) = %v, want an error", token, p)
		}
		mustNotQuote(t, err)
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add(placedEntry().Position().String())
	f.Add(base64.RawURLEncoding.EncodeToString([]byte("2026-02-03T04:05:06.000000Z CANARY 1")))
	f.Fuzz(func(t *testing.T, token string) {
		p, err := audit.ParsePosition(token)
		if err != nil {
			mustNotQuote(t, err)
			return
		}
		if p.String() != token || p.Index < 0 {
			t.Errorf("ParsePosition(%q) = %v, whose token is %q", token, p, p.String())
		}
	})
}

// TestQueryMatch holds each filter alone against an entry, at its edges.
func TestQueryMatch(t *testing.T) {
	e := placedEntry()
	at := func(d time.Duration) time.Time { return e.Time.Add(d) }
	before := func(change func(*audit.Position)) *audit.Position {
		p := e.Position()
		change(&p)
		return &p
	}
	matching := []audit.Query{
		{}, {From: at(0)}, {To: at(1)}, {From: at(-1), To: at(1)}, {Subjects: []string{"m", e.ModifiedValue}},
		{Callers: []string{e.Caller, "support"}}, {Bases: []string{e.Basis}}, {Operations: []audit.Operation{audit.Delete, e.Operation}},
		{Outcomes: []audit.Outcome{e.Outcome}}, {Purposes: []string{e.Purpose}}, {References: []string{e.Reference}}, {RequestIDs: []string{e.RequestID}},
		{Logs: []audit.LogID{audit.Spine, e.Log}}, {Before: before(func(p *audit.Position) { p.Index++ })},
		{Before: before(func(p *audit.Position) { p.Log++ })}, {Before: before(func(p *audit.Position) { p.Time, p.Index = at(1), 0 })},
	}
	other := []audit.Query{
		{From: at(1)}, {To: at(0)}, {From: at(0), To: at(0)}, {Subjects: []string{"m"}}, {Callers: []string{"support", ""}}, {Bases: []string{"CONSENT"}},
		{Operations: []audit.Operation{audit.Delete}}, {Outcomes: []audit.Outcome{audit.Denied, audit.Failed}}, {Purposes: []string{"nothing"}},
		{References: []string{"nothing"}}, {RequestIDs: []string{"nothing"}}, {Logs: []audit.LogID{audit.Spine}}, {Subjects: []string{e.ModifiedValue}, Callers: []string{"support"}}, {Before: before(func(*audit.Position) {})}, {Before: before(func(p *audit.Position) { p.Index-- })},
		{Before: before(func(p *audit.Position) { p.Log = audit.Spine })}, {Before: before(func(p *audit.Position) { p.Time = at(-1) })},
	}
	if i := slices.IndexFunc(matching, func(q audit.Query) bool { return !q.Match(e) }); i >= 0 {
		t.Errorf("query %d does not select the entry", i)
	}
	if i := slices.IndexFunc(other, func(q audit.Query) bool { return q.Match(e) }); i >= 0 {
		t.Errorf("query %d selects the entry", i)
	}
}
