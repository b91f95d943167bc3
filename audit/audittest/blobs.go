package audittest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

func blobsOf(t *testing.T, s audit.Store, log audit.LogID, kind string, from int64) []audit.Blob {
	t.Helper()
	var blobs []audit.Blob
	for b, err := range s.Blobs(t.Context(), log, kind, from) {
		if err != nil {
			t.Fatalf("Blobs(%s, %s, %d): %v", log, kind, from, err)
		}
		blobs = append(blobs, b)
	}
	return blobs
}

func mustPut(t *testing.T, s audit.Store, blobs ...audit.Blob) {
	t.Helper()
	if err := s.PutBlobs(t.Context(), blobs); err != nil {
		t.Fatalf("PutBlobs: %v", err)
	}
}

func diffBlobs(want, got []audit.Blob) string {
	if len(want)+len(got) == 0 {
		return ""
	}
	return cmp.Diff(want, got, cmp.Comparer(bytes.Equal)) // as a whole, as diffPages
}

func newBlob(log audit.LogID, kind string, number int64) audit.Blob {
	return audit.Blob{Log: log, Kind: kind, Number: number, Data: fmt.Appendf(nil, "%s %s %d\x00\xff", log, kind, number)}
}

// blobs puts blobs in any order, more than a batch of an engine takes, and replaces some of them.
func blobs(t *testing.T, s audit.Store) {
	const kind = "tile/0"
	var want []audit.Blob
	for i := range int64(60) {
		want = append(want, newBlob(1, kind, i))
	}
	want = append(want, newBlob(1, kind, 1<<40))
	for _, b := range want[55:] {
		mustPut(t, s, b)
	}
	mustPut(t, s, want[:55]...)
	mustPut(t, s) // none
	for _, from := range []int64{0, 1, 9, 10, 59, 60, 1 << 40, 1<<40 + 1} {
		got := blobsOf(t, s, 1, kind, from)
		if diff := diffBlobs(want[min(from, 60):][max(0, min(from-1<<40, 1)):], got); diff != "" {
			t.Errorf("Blobs from %d (-want +got):\n%s", from, diff)
		}
	}
	for i := range want {
		if i%7 == 0 {
			want[i].Data = append([]byte("again "), want[i].Data...)
			mustPut(t, s, want[i])
		}
	}
	mustPut(t, s, want[3]) // the same once more
	if diff := diffBlobs(want, blobsOf(t, s, 1, kind, 0)); diff != "" {
		t.Errorf("Blobs after some were replaced (-want +got):\n%s", diff)
	}
}

// blobsAreApart has kinds and logs whose names are one another's beginnings, and no data or as much
// as there may be.
func blobsAreApart(t *testing.T, s audit.Store) {
	var all []audit.Blob
	survey := audit.Survey{}
	for _, log := range []audit.LogID{1, 10, audit.MaxLogs} {
		for _, kind := range []string{"run", "tile/0", "tile/0/1", "tile/1", "tile/10"} {
			all = append(all, newBlob(log, kind, 0), newBlob(log, kind, 1))
			survey.Blobs = append(survey.Blobs, audit.BlobKind{Log: log, Kind: kind})
		}
	}
	all[0].Data = nil
	all[1].Data = bytes.Repeat([]byte{0, '\n', 0xff, '\''}, audit.MaxBlob/4)
	mustPut(t, s, all...)
	for i := 0; i < len(all); i += 2 {
		if diff := diffBlobs(all[i:i+2], blobsOf(t, s, all[i].Log, all[i].Kind, 0)); diff != "" {
			t.Errorf("Blobs(%s, %s) (-want +got):\n%s", all[i].Log, all[i].Kind, diff)
		}
	}
	for _, none := range []audit.BlobKind{{Log: 2, Kind: "run"}, {Log: 1, Kind: "tile"}, {Log: 1, Kind: "tile/2"}, {Log: audit.Spine, Kind: "tile/0"}} {
		if got := blobsOf(t, s, none.Log, none.Kind, 0); len(got) > 0 {
			t.Errorf("Blobs(%s, %s): %d, and nobody put one", none.Log, none.Kind, len(got))
		}
	}
	got, err := s.Survey(t.Context(), func(e *audit.RowError) { t.Errorf("Survey found %v", e) })
	if diff := cmp.Diff(survey, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("Survey: %v (-want +got):\n%s", err, diff)
	}
}

// blobsStopEarly leaves iterators in the middle, more of them than a pool has connections, and uses
// the store inside an iteration.
func blobsStopEarly(t *testing.T, s audit.Store) {
	for i := range int64(5) {
		mustPut(t, s, newBlob(1, "tile/0", i))
	}
	for range 40 {
		for b, err := range s.Blobs(t.Context(), 1, "tile/0", 1) {
			if err != nil || b.Number != 1 {
				t.Fatalf("the first blob is %d, %v; want 1", b.Number, err)
			}
			break
		}
	}
	for b, err := range s.Blobs(t.Context(), 1, "tile/0", 0) {
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, newBlob(1, "tile/1", b.Number))
	}
	if got := blobsOf(t, s, 1, "tile/1", 0); len(got) != 5 {
		t.Errorf("%d blobs were put inside an iteration, want 5", len(got))
	}
}

// blobsAt reads blobs by their numbers: in any order, among others that are not there.
func blobsAt(t *testing.T, s audit.Store) {
	numbers := make([]int64, 64)
	for i := range numbers {
		numbers[i] = int64(i * i)
		if i%3 > 0 {
			mustPut(t, s, newBlob(1, "tile/0", numbers[i]))
		}
	}
	mustPut(t, s, newBlob(2, "tile/0", 0), newBlob(1, "tile/1", 9))
	slices.Reverse(numbers)
	for _, r := range []audit.Reader{s, s.Reviews()} {
		got, err := r.BlobsAt(t.Context(), 1, "tile/0", numbers)
		slices.SortFunc(got, func(a, b audit.Blob) int { return int(a.Number - b.Number) })
		if diff := diffBlobs(blobsOf(t, s, 1, "tile/0", 0), got); err != nil || diff != "" {
			t.Errorf("BlobsAt: %v (-want +got):\n%s", err, diff)
		}
		for _, none := range [][]int64{nil, {3}, {3, 5}} {
			if got, err := r.BlobsAt(t.Context(), 1, "tile/0", none); err != nil || len(got) > 0 {
				t.Errorf("BlobsAt(%v): %d blobs, %v; want none", none, len(got), err)
			}
		}
	}
	big := newBlob(3, "tile/0", 7)
	big.Data = bytes.Repeat([]byte{7}, audit.MaxBlob)
	var many []int64
	for i := range int64(64) {
		big.Number = i
		mustPut(t, s, big)
		many = append(many, i)
	}
	if got, err := s.BlobsAt(t.Context(), 3, "tile/0", many); err != nil || len(got) != 64 { // more than one answer of DynamoDB holds
		t.Errorf("BlobsAt of the largest blobs: %d, %v; want 64", len(got), err)
	}
}

// pruneBlobs removes blobs by their numbers, more than one batch of an engine.
func pruneBlobs(t *testing.T, s audit.Store) {
	for i := range int64(300) {
		mustPut(t, s, newBlob(1, "tile/0", i))
	}
	mustPut(t, s, newBlob(1, "tile/1", 5), newBlob(10, "tile/0", 5))
	for _, c := range []struct{ from, to, left int64 }{{0, 0, 300}, {5, 5, 300}, {0, 200, 100}, {0, 200, 100}, {250, 251, 99}, {290, 1 << 53, 89}, {400, 500, 89}} {
		if err := s.PruneBlobs(t.Context(), 1, "tile/0", c.from, c.to); err != nil {
			t.Fatalf("PruneBlobs: %v", err)
		}
		left := blobsOf(t, s, 1, "tile/0", 0)
		if int64(len(left)) != c.left || slices.ContainsFunc(left, func(b audit.Blob) bool { return b.Number >= c.from && b.Number < c.to }) {
			t.Errorf("PruneBlobs from %d to %d left %d blobs, want %d and none of those", c.from, c.to, len(left), c.left)
		}
	}
	if n := len(blobsOf(t, s, 1, "tile/1", 0)) + len(blobsOf(t, s, 10, "tile/0", 0)); n != 2 {
		t.Errorf("%d blobs of other kinds and logs are left, want 2", n)
	}
}
