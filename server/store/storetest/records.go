package storetest

import (
	"strings"
	"time"

	"github.com/piinguin/piinguin/server/store"
)

func testMiss(f *fixture) {
	f.wantNothing(f.key("a"), f.key("b"))
	f.put(store.Stored, f.record("a", 1, "value"))
	f.wantNothing(f.key("b"), f.key("A"), f.key("a "), f.key(""))
}

func testReady(f *fixture) {
	if err := f.s.Ready(f.Context()); err != nil {
		f.Errorf("Ready: %v", err)
	}
}

func testRoundTrip(f *fixture) {
	whole := f.record("whole", 1, "ada@example.org")
	whole.Source = store.Source{
		FieldName:     "unstruct_event",
		JSONPath:      "$.emails[0]['näme']",
		Schema:        "iglu:com.example/contact/jsonschema/1-0-0",
		HashFunction:  "SHA-256",
		ParentEventID: "a1b2c3d4-0000-4000-8000-000000000001",
	}
	part := f.record("part", 2, "192.0.2.7")
	part.Source.FieldName = "user_ipaddress"
	bare := f.record("bare", 3, "x")
	f.put(store.Stored, whole, part, bare)
	f.want(whole, part, bare)
}

func testValues(f *fixture) {
	for name, value := range map[string]string{
		"empty":      "",
		"space":      " \t\r\n",
		"max":        strings.Repeat("x", 32<<10),
		"max, wide":  strings.Repeat("🐧", 32<<10/4),
		"non-ASCII":  "Zoë Ångström 日本語 👩🏽‍🚀 e\u0301 \u202e",
		"NUL":        "a\x00b",
		"quotes":     `'"\;--` + "`${}<&>",
		"like null":  "null",
		"like a num": "0123",
	} {
		r := f.record("värde/日本/"+name, 1, value)
		f.put(store.Stored, r)
		f.want(r)
	}
	longest := f.record("", 1, "value")
	longest.ModifiedValue += strings.Repeat("k", 2048-len(longest.ModifiedValue))
	f.put(store.Stored, longest)
	f.want(longest)
}

func testTimes(f *fixture) {
	for name, t := range map[string]time.Time{
		"whole second": time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		"nanosecond":   time.Date(2026, 2, 3, 4, 5, 6, 1, time.UTC),
		"other zone":   time.Date(2026, 2, 3, 4, 5, 6, 123456789, time.FixedZone("x", 5*3600+1800)),
		"first":        time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		"before 1970":  time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC),
		"last":         time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	} {
		r := f.record(name, 0, "value")
		r.ObservedAt = t
		f.put(store.Stored, r)
		f.want(r)

		r.Original = store.NewOriginal("a nanosecond older")
		r.ObservedAt = t.Add(-1)
		f.put(store.Superseded, r)
	}

	// The zone is not what is compared: this one's clock shows more, and is older.
	r := f.record("zones", 5, "value")
	f.put(store.Stored, r)
	r.ObservedAt = at(4).In(time.FixedZone("east", 14*3600))
	f.put(store.Superseded, r)
	r.ObservedAt = at(6).In(time.FixedZone("west", -12*3600))
	f.put(store.Replaced, r)
	f.want(r)
}

func testLastSeenWins(f *fixture) {
	first, second := f.record("k", 1, "first"), f.record("k", 2, "second")
	f.put(store.Stored, first)
	f.want(first)
	f.put(store.Replaced, second)
	f.want(second)
	seenAgain := f.record("k", 3, "second")
	f.put(store.Replaced, seenAgain)
	f.want(seenAgain)
}

func testLate(f *fixture) {
	newer := f.record("k", 2, "newer")
	f.put(store.Stored, newer)
	f.put(store.Superseded, f.record("k", 1, "late"))
	f.put(store.Superseded, f.record("k", 1, "newer"))
	f.want(newer)
}

func testEqualTimes(f *fixture) {
	f.put(store.Stored, f.record("k", 1, "one"))
	other := f.record("k", 1, "other")
	f.put(store.Replaced, other)
	f.want(other)
	empty := f.record("k", 1, "")
	f.put(store.Replaced, empty)
	f.want(empty)
}

func testPutAgain(f *fixture) {
	r := f.record("k", 1, "value")
	r.Source.FieldName = "user_id"
	f.put(store.Stored, r)
	again := r
	again.Source.FieldName = "domain_userid"
	f.put(store.Replaced, r, again)
	f.want(r)
}

func testSourceReplaced(f *fixture) {
	r := f.record("k", 1, "value")
	r.Source = store.Source{FieldName: "a", JSONPath: "b", Schema: "c", HashFunction: "d", ParentEventID: "e"}
	f.put(store.Stored, r)
	bare := f.record("k", 2, "value")
	f.put(store.Replaced, bare)
	f.want(bare)
}
