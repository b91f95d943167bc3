package dynamolog

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/awsx"
)

// batchWrite is DynamoDB's limit of a BatchWriteItem.
const batchWrite = 25

func blobPartition(log audit.LogID, kind string) string { return "~" + log.String() + "/" + kind }

// PutBlobs implements audit.Backend.
func (s *Store) PutBlobs(ctx context.Context, blobs []audit.Blob) error {
	var batch []types.WriteRequest
	for i, b := range blobs {
		it := key(blobPartition(b.Log, b.Kind), b.Number)
		it["data"] = blob(b.Data)
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		if len(batch) < batchWrite && i < len(blobs)-1 {
			continue
		}
		if err := s.write(ctx, "put blobs", batch); err != nil {
			return err
		}
		batch = nil
	}
	return nil
}

// Blobs implements audit.BlobReader.
func (s rows) Blobs(ctx context.Context, log audit.LogID, kind string, from int64) iter.Seq2[audit.Blob, error] {
	partition := blobPartition(log, kind)
	return func(yield func(audit.Blob, error) bool) {
		for it, err := range s.each(ctx, partition, &from) {
			var b audit.Blob
			if err == nil {
				b, err = parseBlob(log, kind, it)
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// BlobsAt implements audit.BlobReader with BatchGetItem.
func (s rows) BlobsAt(ctx context.Context, log audit.LogID, kind string, numbers []int64) ([]audit.Blob, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	done, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	keys := make([]item, len(numbers))
	for i, n := range numbers {
		keys[i] = key(blobPartition(log, kind), n)
	}
	var found []item
	err = awsx.Drain(ctx, "read blobs", func() (left bool, err error) {
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: keys, ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return false, err
		}
		found = append(found, out.Responses[s.table]...)
		keys = out.UnprocessedKeys[s.table].Keys
		return len(keys) > 0, nil
	})
	if err != nil {
		return nil, fmt.Errorf("dynamolog: %w", err)
	}
	blobs := make([]audit.Blob, len(found))
	for i, it := range found {
		if blobs[i], err = parseBlob(log, kind, it); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// parseBlob reads a blob's row. The error is an *audit.RowError.
func parseBlob(log audit.LogID, kind string, it item) (audit.Blob, error) {
	n, okNumber := numberOf(it, "number")
	data, okData := binaryOf(it, "data")
	row := audit.BlobRow(log, kind, n)
	switch {
	case !okNumber:
		row = rowName(blobPartition(log, kind), decimalOf(it))
	case okData && len(it) == 3:
		return audit.Blob{Log: log, Kind: kind, Number: n, Data: data}, nil
	}
	return audit.Blob{}, &audit.RowError{Row: row, Problem: "its attributes are not those of a blob"}
}

// rowName is the name of a row in a finding. A partition may hold anything.
func rowName(partition, number string) string {
	if len(partition) > 100 {
		partition = partition[:100]
	}
	return fmt.Sprintf("row %+q/%s", partition, number)
}
