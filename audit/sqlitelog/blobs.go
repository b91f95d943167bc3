package sqlitelog

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// PutBlobs implements audit.Backend. The blobs share a transaction with writes of records, and no page
// waits for more than sqlitefile.MaxRows of them.
func (s *Store) PutBlobs(ctx context.Context, blobs []audit.Blob) error {
	if s.fault != nil {
		return s.fault
	}
	for len(blobs) > 0 {
		some := blobs[:min(len(blobs), sqlitefile.MaxRows)]
		blobs = blobs[len(some):]
		err := s.file.WriteRows(ctx, len(some), func(w sqlitefile.Writer) error {
			for _, b := range some {
				// To update a row would leave its other values as they are: a number of another type, which equals this one.
				_, err := w.Exec(`INSERT OR REPLACE INTO audit_blobs VALUES (?,?,?,?)`,
					int64(b.Log), b.Kind, b.Number, append([]byte{}, b.Data...)) // no bytes are not NULL
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return failure("put blobs", err)
		}
	}
	return nil
}

// blobChunk is how many blobs one query reads.
const blobChunk = 64

// Blobs implements audit.BlobReader.
func (s rows) Blobs(ctx context.Context, log audit.LogID, kind string, from int64) iter.Seq2[audit.Blob, error] {
	return func(yield func(audit.Blob, error) bool) {
		for n := 1; ; n = min(4*n, blobChunk) {
			blobs, err := s.blobs(ctx, log, kind, from, n)
			for _, b := range blobs {
				if !yield(b, nil) {
					return
				}
				from = b.Number + 1
			}
			if err != nil {
				yield(audit.Blob{}, err)
			}
			if err != nil || len(blobs) < n {
				return
			}
		}
	}
}

// BlobsAt implements audit.BlobReader.
func (s rows) BlobsAt(ctx context.Context, log audit.LogID, kind string, numbers []int64) ([]audit.Blob, error) {
	list, err := json.Marshal(numbers)
	if err != nil {
		return nil, fmt.Errorf("sqlitelog: read blobs: %w", err)
	}
	return s.query(ctx, log, kind, `number IN (SELECT value FROM json_each(?))`, string(list), len(numbers))
}

// PruneBlobs implements audit.Pruner.
func (s *Store) PruneBlobs(ctx context.Context, log audit.LogID, kind string, from, to int64) error {
	const some = `DELETE FROM audit_blobs WHERE rowid IN (SELECT rowid FROM audit_blobs WHERE log = ? AND kind = ? AND number >= ? AND number < ? ` + limit + `)`
	for {
		var n int64
		err := s.write(ctx, "prune blobs", func(w sqlitefile.Writer) (err error) {
			n, err = w.Exec(some, int64(log), kind, from, to, sqlitefile.MaxRows)
			return err
		})
		if err != nil || n < sqlitefile.MaxRows {
			return err
		}
	}
}

func (s rows) blobs(ctx context.Context, log audit.LogID, kind string, from int64, most int) (blobs []audit.Blob, err error) {
	return s.query(ctx, log, kind, `number >= ?`, from, most)
}

// query returns the blobs of a kind that meet a condition, in the order of their numbers.
func (s rows) query(ctx context.Context, log audit.LogID, kind, condition string, arg any, most int) (blobs []audit.Blob, err error) {
	err = s.read(ctx, "read blobs", func(r sqlitefile.Reader) error {
		query := `SELECT number, CASE WHEN octet_length(data) <= ? THEN data END FROM audit_blobs
			WHERE log = ? AND kind = ? AND ` + ofTheTypes + ` AND ` + condition + ` ORDER BY number ` + limit
		return r.Each(query, sqlitefile.Args{audit.MaxBlob, int64(log), kind, arg, most}, func(scan sqlitefile.Scan) error {
			b := audit.Blob{Log: log, Kind: kind}
			var data *[]byte
			if err := scan(&b.Number, &data); err != nil {
				return err
			}
			if data == nil {
				return &audit.RowError{Row: audit.BlobRow(log, kind, b.Number), Problem: "it is larger than a blob can be"}
			}
			b.Data = *data
			blobs = append(blobs, b)
			return nil
		})
	})
	return blobs, err
}
