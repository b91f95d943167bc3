package audittest

import (
	"bytes"
	"fmt"
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
