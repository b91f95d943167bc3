package sqlitefile

import (
	"context"
	"time"
)

// Pragma runs a pragma on the writer's connection, between two transactions, and returns
// its value as a text, empty if it has none.
func (f *File) Pragma(ctx context.Context, text string) (value string, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	_, err = Reader{ctx, f.write}.First("PRAGMA "+text, nil, &value)
	return value, err
}

// OpenSmall is Open with a write-ahead log that is long when it has some pages, and pinned
// when it could not be reset for a while.
func OpenSmall(ctx context.Context, path string, c Config, pages int, patience time.Duration) (*File, error) {
	return open(ctx, path, c, limits{walPages: pages, lookEvery: 5 * time.Millisecond, patience: patience})
}

// LogPages is how long the write-ahead log is.
func (f *File) LogPages(ctx context.Context) (pages int, err error) {
	var busy, copied int
	err = f.Read(ctx, func(r Reader) error {
		_, err := r.First("PRAGMA wal_checkpoint(NOOP)", nil, &busy, &pages, &copied)
		return err
	})
	return pages, err
}
