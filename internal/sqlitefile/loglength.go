package sqlitefile

import (
	"context"
	"os"
)

// SQLite's write-ahead log is a header and frames: a page with a header of its own
// (https://sqlite.org/fileformat2.html#walformat).
const (
	logHeader   = 32
	frameHeader = 24
)

// logLength knows how long the -wal was at the last look.
type logLength struct {
	path     string
	pageSize int64
	seen     int64
}

func (f *File) measureLog(ctx context.Context, at place) error {
	f.length.path = at.target + "-wal"
	_, err := Reader{ctx, f.write}.First(`PRAGMA page_size`, nil, &f.length.pageSize)
	return err
}

// lookAtLog finds a -wal that something else has cut: ": > piinguin.db-wal", or an older copy
// over it. SQLite does not notice. It would go on writing behind the gap, and a crash would lose
// everything in the log. Another program's checkpoint may cut the log too, but then SQLite knows,
// and says that the log has no more frames than the file holds.
//
// The caller holds f.writing, so the writer's connection is free.
func (f *File) lookAtLog() {
	const looks = 3 // another program may cut the log between the two questions, as it may
	for range looks {
		size, known := f.length.now()
		if !known || size >= f.length.seen {
			f.length.seen = size
			return
		}
		var busy bool
		var frames, copied int64
		_, err := Reader{context.Background(), f.write}.First(`PRAGMA wal_checkpoint(NOOP)`, nil, &busy, &frames, &copied)
		if err != nil {
			return // the transaction that follows says so
		}
		if size, known = f.length.now(); !known || size >= logHeader*min(frames, 1)+frames*(frameHeader+f.length.pageSize) {
			f.length.seen = size
			return
		}
	}
	f.watch.lose(roleLog, "was cut or overwritten")
}

// now returns the length of the -wal. It is not known when the file is not there, which
// watch.look tells.
func (l *logLength) now() (size int64, known bool) {
	info, err := os.Stat(l.path)
	if err != nil {
		return 0, false
	}
	return info.Size(), true
}
