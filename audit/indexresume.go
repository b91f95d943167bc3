package audit

import (
	"context"
	"errors"
	"sort"
)

// resumeIndexer returns an indexer of a log of so many entries that goes on where the stored runs end. It
// makes first what an interruption left out: a run of a higher tier whose runs below are there.
func resumeIndexer(ctx context.Context, log LogID, size, live int64, out indexWriter) (*indexer, error) {
	var made [tiers]int64 // of each tier, the number of the next run
	for t := range tiers {
		begin := tierOf[t].begin(live)
		n, err := countBlobs(ctx, out, log, runKind(t), begin, size/tierOf[t].size)
		if err != nil {
			return nil, err
		}
		made[t], err = currentRuns(begin, n, func(number int64) error {
			_, err := out.runs(ctx, log, t, number, number+1)
			return err
		})
		if err != nil {
			return nil, err
		}
		if t > 0 { // another server may have made more runs since those below were counted
			made[t] = min(made[t], made[t-1]/tierOf[t].fan)
		}
	}
	x := newIndexer(log, out, made[0]*tierOf[0].size, live)
	for t := range tiers - 1 {
		up := tierOf[t+1]
		for ; (made[t+1]+1)*up.fan <= made[t]; made[t+1]++ {
			below, err := out.runs(ctx, log, t, made[t+1]*up.fan, (made[t+1]+1)*up.fan)
			if err != nil {
				return nil, err
			}
			r, err := x.merge(ctx, t+1, below)
			if err != nil {
				return nil, err
			}
			if err := out.run(ctx, r); err != nil {
				return nil, err
			}
		}
		first := max(made[t]/up.fan*up.fan, tierOf[t].begin(live))
		ripe, err := out.runs(ctx, log, t, first, made[t])
		if err != nil {
			return nil, err
		}
		x.ripe[t] = ripe
	}
	return x, nil
}

// runs returns the stored runs of a tier with the numbers from to to-1.
func (w indexWriter) runs(ctx context.Context, log LogID, t int, from, to int64) (all []*indexRun, err error) {
	err = w.by.keys.with(ctx, func(turns turning) error {
		all, err = readRuns(ctx, w, log, t, numbers(from, to), turns)
		return err
	})
	return all, err
}

func numbers(from, to int64) (all []int64) {
	for ; from < to; from++ {
		all = append(all, from)
	}
	return all
}

// readRuns returns the stored runs of a tier with these numbers. The error is a *RowError if one is
// missing, or not what was written.
func readRuns(ctx context.Context, s BlobReader, log LogID, t int, numbers []int64, turns turning) ([]*indexRun, error) {
	blobs, err := blobsAt(ctx, s, log, runKind(t), numbers)
	if err != nil {
		return nil, err
	}
	all := make([]*indexRun, len(blobs))
	for i, b := range blobs {
		if b.Data == nil {
			return nil, &RowError{BlobRow(log, b.Kind, b.Number), "missing"}
		}
		if all[i], err = parseRun(b, t, turns); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// countBlobs returns the number after the newest stored blob of a kind, from least to most. Blobs are put in
// their order, and most often all are there.
func countBlobs(ctx context.Context, s BlobReader, log LogID, kind string, least, most int64) (int64, error) {
	for step, to := int64(1), most; to > least; step *= 2 {
		from := max(to-step, least)
		newest := int64(-1)
		for b, err := range s.Blobs(ctx, log, kind, from) {
			if err != nil {
				return 0, err
			}
			if b.Number >= to {
				break
			}
			newest = b.Number
		}
		if newest >= 0 {
			return newest + 1, nil
		}
		to = from
	}
	return least, nil
}

// currentRuns returns how far the runs from begin to end-1 are of the ledger's name and key now. After a
// change of those, servers derive from the oldest run on.
func currentRuns(begin, end int64, read func(number int64) error) (int64, error) {
	if begin >= end {
		return begin, nil
	}
	if err := read(end - 1); !errors.Is(err, errFormer) {
		return end, err
	}
	var failed error
	n := sort.Search(int(end-begin), func(i int) bool {
		err := read(begin + int64(i))
		if err != nil && !errors.Is(err, errFormer) {
			failed = err
		}
		return err != nil
	})
	return begin + int64(n), failed
}
