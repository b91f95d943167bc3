package dynamolog_test

import (
	"bytes"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// TestUnprocessedBlobs: DynamoDB may do a part of a batch only, and says so in an answer without an error.
func TestUnprocessedBlobs(t *testing.T) {
	x := newTable(t)
	s := dynamolog.New(dynamotest.FaultyClient(t, func(op string, call int) dynamotest.Fault {
		if op == "BatchWriteItem" && call%3 > 0 {
			return dynamotest.Fault{Unprocessed: 7}
		}
		return dynamotest.Fault{}
	}), x.name)
	var blobs []audit.Blob
	for n := range int64(60) {
		blobs = append(blobs, audit.Blob{Log: 1, Kind: "tile/0", Number: n, Data: bytes.Repeat([]byte{byte(n)}, 32)})
	}
	if err := s.PutBlobs(t.Context(), blobs); err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for b, err := range x.Blobs(t.Context(), 1, "tile/0", 0) {
		if err != nil || b.Number != next || !bytes.Equal(b.Data, blobs[next].Data) {
			t.Fatalf("blob %d: %v, want %d as it was put", b.Number, err, next)
		}
		next++
	}
	if next != 60 {
		t.Errorf("%d blobs are kept, want 60", next)
	}
}
