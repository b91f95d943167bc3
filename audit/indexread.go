package audit

import (
	"context"
	"slices"
)

// maxBlobsAt is how many blobs are read by their numbers at once.
const maxBlobsAt = 64

// readBuckets returns one bucket of runs of a tier, in their order, each as its run names it. The error is
// a *RowError if one is missing or is another.
func readBuckets(ctx context.Context, s BlobReader, runs []*indexRun, bucket int64) ([]Blob, error) {
	return readNamed(ctx, s, runs, bucketKind(runs[0].tier), func(r *indexRun) (int64, blobHash) {
		return r.number<<tierOf[r.tier].bits | bucket, r.bucketHash(bucket)
	})
}

// readSummaries is readBuckets for the runs' summaries.
func readSummaries(ctx context.Context, s BlobReader, runs []*indexRun) ([]Blob, error) {
	return readNamed(ctx, s, runs, summaryKind(runs[0].tier), func(r *indexRun) (int64, blobHash) {
		return r.number, r.summaryHash()
	})
}

func readNamed(ctx context.Context, s BlobReader, runs []*indexRun, kind string, name func(*indexRun) (int64, blobHash)) ([]Blob, error) {
	numbers := make([]int64, len(runs))
	for i, r := range runs {
		numbers[i], _ = name(r)
	}
	blobs, err := blobsAt(ctx, s, runs[0].log, kind, numbers)
	if err != nil {
		return nil, err
	}
	for i, b := range blobs {
		if _, hash := name(runs[i]); b.Data == nil {
			return nil, &RowError{BlobRow(b.Log, kind, b.Number), "missing, though the run that it belongs to is there"}
		} else if err := hash.check(b); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// blobsAt returns the blobs with these numbers, one for each; the data of one that is not there is nil.
func blobsAt(ctx context.Context, s BlobReader, log LogID, kind string, numbers []int64) ([]Blob, error) {
	by := make(map[int64][]byte, len(numbers))
	for some := range slices.Chunk(numbers, maxBlobsAt) {
		found, err := s.BlobsAt(ctx, log, kind, some)
		if err != nil {
			return nil, err
		}
		for _, b := range found {
			if by[b.Number] = b.Data; b.Data == nil {
				by[b.Number] = []byte{} // no bytes are something else than no blob
			}
		}
	}
	blobs := make([]Blob, len(numbers))
	for i, n := range numbers {
		blobs[i] = Blob{log, kind, n, by[n]}
	}
	return blobs, nil
}

func (b Blob) fault() *RowError {
	return &RowError{BlobRow(b.Log, b.Kind, b.Number), "it is not a blob of the index in the form of this version"}
}
