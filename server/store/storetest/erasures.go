package storetest

import (
	"time"

	"github.com/piinguin/piinguin/server/store"
)

func testErase(f *fixture) {
	r, empty, other := f.record("k", 1, "value"), f.record("empty", 1, ""), f.record("other", 1, "value")
	f.put(store.Stored, r, empty, other)
	f.erase(true, 2, r.ModifiedValue, empty.ModifiedValue)
	f.wantNothing(r.ModifiedValue, empty.ModifiedValue)
	f.erase(false, 3, r.ModifiedValue, empty.ModifiedValue)
	f.want(other)
}

func testEraseNothing(f *fixture) {
	f.erase(false, 5, f.key("k"))
	f.wantNothing(f.key("k"))
	f.put(store.Superseded, f.record("k", 4, "older"), f.record("k", 5, "same time"))
	f.wantNothing(f.key("k"))
	r := f.record("k", 6, "newer")
	f.put(store.Stored, r)
	f.want(r)
}

func testTombstone(f *fixture) {
	r := f.record("k", 1, "value")
	r.Source = store.Source{FieldName: "a", JSONPath: "b", Schema: "c", HashFunction: "d", ParentEventID: "e"}
	f.put(store.Stored, r)
	f.erase(true, 5, r.ModifiedValue)
	f.put(store.Superseded, r, f.record("k", 4, "older"), f.record("k", 5, "same time"))
	f.wantNothing(r.ModifiedValue)

	newer := f.record("k", 6, "newer")
	f.put(store.Stored, newer)
	f.want(newer)
	f.put(store.Superseded, r)
	f.want(newer)

	// The zone of the erasure is not what is compared.
	late := at(7).In(time.FixedZone("west", -12*3600))
	if got := f.s.Erase(f.Context(), []string{r.ModifiedValue}, late)[0]; got.Err != nil || !got.Erased {
		f.Fatalf("Erase = %v, %v; want true", got.Erased, got.Err)
	}
	f.put(store.Superseded, f.record("k", 7, "value"))
	f.put(store.Stored, f.record("k", 8, "value"))
}

func testTombstoneTime(f *fixture) {
	f.erase(false, 5, f.key("k"))
	f.erase(false, 3, f.key("k"))
	f.put(store.Superseded, f.record("k", 4, "value"), f.record("k", 5, "value"))
	f.erase(false, 9, f.key("k"))
	f.put(store.Superseded, f.record("k", 8, "value"), f.record("k", 9, "value"))
	f.put(store.Stored, f.record("k", 10, "value"))
}

// testFastClock erases a value that claims to be seen after the erasure. It stays
// erased under redelivery: what brings a value back is after both times.
func testFastClock(f *fixture) {
	fast := f.record("k", 8, "value")
	f.put(store.Stored, fast)
	f.erase(true, 5, fast.ModifiedValue)
	f.wantNothing(fast.ModifiedValue)
	f.put(store.Superseded, fast, f.record("k", 7, "other"), f.record("k", 8, "other"))
	f.erase(false, 6, fast.ModifiedValue)
	f.put(store.Superseded, fast)
	f.wantNothing(fast.ModifiedValue)
	f.put(store.Stored, f.record("k", 9, "value"))
}

func testEraseTwice(f *fixture) {
	f.put(store.Stored, f.record("k", 1, "value"))
	f.erase(true, 2, f.key("k"))
	f.put(store.Stored, f.record("k", 3, "value"))
	f.erase(true, 4, f.key("k"))
	f.put(store.Superseded, f.record("k", 3, "value"), f.record("k", 4, "value"))
	f.wantNothing(f.key("k"))
	f.put(store.Stored, f.record("k", 5, "value"))
}
