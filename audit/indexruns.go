package audit

import (
	"context"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Runs that were read and whose signature holds are kept: they never change, and those of the highest
// tier have 128 KB. The numbers are of runs; the others have at most 2 KB.
const (
	keptTop   = 64
	keptOther = 4096
)

// runReader reads the runs of the index of all logs.
type runReader struct {
	reader Reader
	keys   *keyring

	mu    sync.Mutex
	kept  [tiers]*simplelru.LRU[runName, *indexRun]
	ended map[BlobKind]int64 // the number after the newest run that was seen
}

type runName struct {
	log    LogID
	number int64
}

func newRunReader(r Reader, keys *keyring) *runReader {
	x := &runReader{reader: r, keys: keys, ended: map[BlobKind]int64{}}
	for t := range tiers {
		size := keptOther
		if t == tiers-1 {
			size = keptTop
		}
		x.kept[t], _ = simplelru.NewLRU[runName, *indexRun](size, nil) // its error says that the size is below 1
	}
	return x
}

// end returns the number after the newest run of a tier, of a log of so many entries.
func (x *runReader) end(ctx context.Context, log LogID, t int, size, live int64) (int64, error) {
	kind := BlobKind{log, runKind(t)}
	x.mu.Lock()
	least := x.ended[kind]
	x.mu.Unlock()
	most := size / tierOf[t].size
	least = min(max(least, tierOf[t].begin(live)), most)
	n, err := countBlobs(ctx, x.reader, log, kind.Kind, least, most)
	if err == nil && n > least {
		n, err = currentRuns(least, n, func(number int64) error { _, err := x.some(ctx, log, t, []int64{number}); return err })
	}
	if err != nil {
		return 0, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended[kind] = max(x.ended[kind], n)
	return n, nil
}

// some returns runs of one tier and log with these numbers, of which there are at most maxBlobsAt.
func (x *runReader) some(ctx context.Context, log LogID, t int, numbers []int64) ([]*indexRun, error) {
	all := make([]*indexRun, len(numbers))
	var missing []int64
	x.mu.Lock()
	for i, n := range numbers {
		if all[i], _ = x.kept[t].Get(runName{log, n}); all[i] == nil {
			missing = append(missing, n)
		}
	}
	x.mu.Unlock()
	if len(missing) == 0 {
		return all, nil
	}
	var read []*indexRun
	err := x.keys.with(ctx, func(turns turning) (err error) {
		read, err = readRuns(ctx, x.reader, log, t, missing, turns)
		return err
	})
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range all {
		if all[i] == nil {
			all[i], read = read[0], read[1:]
			x.kept[t].Add(runName{log, all[i].number}, all[i])
		}
	}
	return all, nil
}

// cover yields runs that together have the entries of a log from lo to hi, newest first, and before or
// after them as few others as the tiers allow; each as large as there is one. It goes down to the first
// entry that no run has, which it returns: those before it were not derived, or their run begins with what
// was pruned.
type cover struct {
	ends [tiers]int64 // of each tier, the number after the newest run
	live int64
	at   int64 // the entry after those that are still to be covered
}

// next returns the next run, or false if there is none that ends at the cover's end.
func (c *cover) next() (t int, number int64, ok bool) {
	for t := tiers - 1; t >= 0; t-- {
		size := tierOf[t].size
		if n := c.at / size; c.at%size == 0 && n > 0 && n <= c.ends[t] && c.at-size >= c.live {
			c.at -= size
			return t, n - 1, true
		}
	}
	return 0, 0, false
}

// cover returns a cover of the entries before hi of a log.
func (x *runReader) cover(ctx context.Context, log LogID, size, live, hi int64) (*cover, error) {
	c := &cover{live: live}
	for t := range tiers {
		var err error
		if c.ends[t], err = x.end(ctx, log, t, size, live); err != nil {
			return nil, err
		}
	}
	lowest := tierOf[0].size
	c.at = min(c.ends[0]*lowest, (hi+lowest-1)/lowest*lowest)
	return c, nil
}
